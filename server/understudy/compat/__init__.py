"""The terminating path: header edits and routing of each request, where the relay's untouched bytes do not do."""

from understudy.compat.settings import Settings

__all__ = ["Settings"]
