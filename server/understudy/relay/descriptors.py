"""How many descriptors a worker may hold: two for each caller, where most systems give 1,024 unless asked for more."""

import logging
import math
import resource

from understudy.relay.settings import Settings

logger = logging.getLogger(__name__)

_SPARE = 64
"""For everything that is no caller: the observer, control sockets, files, callers about to be refused."""


def provide(settings: Settings) -> int:
    """Raise the soft limit to the hard one; warn when that is too little. Returns the limit that holds."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            limit = most
        except (OSError, ValueError) as error:
            logger.warning("the limit of open files stays at %d: %s", limit, error)
    needed = 2 * math.ceil(settings.max_connections / settings.workers) + _SPARE
    if limit != resource.RLIM_INFINITY and limit < needed:
        logger.warning(
            "relay.max_connections: %d on %d workers need %d open files each, and %d are allowed: raise the hard "
            "limit (ulimit -Hn, LimitNOFILE=) or lower it; callers beyond it wait unaccepted or fail",
            settings.max_connections,
            settings.workers,
            needed,
            limit,
        )
    return limit
