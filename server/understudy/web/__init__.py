"""The page and the HTTP endpoints: they read, and change nothing."""

from understudy.web.app import Settings, Source, make_app, serve
from understudy.web.status import describe

__all__ = ["Settings", "Source", "describe", "make_app", "serve"]
