"""The data path: bytes from clients to the primary engine and back, unchanged, and copied to the observer."""

from understudy.relay.settings import Settings
from understudy.relay.worker import Relay, run

__all__ = ["Relay", "Settings", "run"]
