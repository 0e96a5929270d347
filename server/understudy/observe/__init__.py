"""The observer process: reads the relay's copy, rebuilds requests, has them mirrored, publishes the pairs."""

from understudy.observe.channel import Channel
from understudy.observe.observer import Observer
from understudy.observe.process import run
from understudy.observe.publish import Publisher
from understudy.observe.settings import Settings

__all__ = ["Channel", "Observer", "Publisher", "Settings", "run"]
