"""What of us fails just now; one part that fails must end neither the others nor the process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from understudy.errors import UnderstudyError

log = logging.getLogger(__name__)


class Troubles(dict[str, str]):
    """Part -> error, as the status shows it."""

    @contextmanager
    def tried(self, part: str) -> Iterator[None]:
        """Run a part: an error is said once, and once more when it is over."""
        try:
            yield
        except Exception as error:
            told = str(error) or type(error).__name__
            if self.get(part) != told:
                known = isinstance(error, UnderstudyError | OSError)
                log.error("%s: %s", part, told, exc_info=None if known else error)
            self[part] = told
        else:
            if self.pop(part, None) is not None:
                log.warning("%s: works again", part)
