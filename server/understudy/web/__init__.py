"""The page and the HTTP endpoints: they read, and change nothing."""

from understudy.web.alias import Aliases
from understudy.web.app import Settings, Source, make_app, serve
from understudy.web.status import describe

__all__ = ["Aliases", "Settings", "Source", "describe", "make_app", "serve"]
