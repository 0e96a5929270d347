"""`make chaos`: what callers notice when the shadow, the observer or the machine fails, on this machine.

Not shipped: it builds C programs and breaks what it started itself.
"""
