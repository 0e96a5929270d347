"""`make bench`: the data path beside the proxies it competes with, on this machine, in interleaved rounds.

Not shipped: it builds two C programs and fetches other people's proxies.
"""
