"""A switch of primary, restarts of workers and an upgrade under load: what callers see of them.

`make switch` starts everything on loopback and writes switch.json; docs/switch.md says how it counts.
"""
