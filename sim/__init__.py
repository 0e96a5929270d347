"""`make sim`: the drift engine's targets measured on simulated votes, beside other rules on the same streams.

Not shipped: it draws votes whose truth is known and counts how often, and how late, each rule is right.
"""
