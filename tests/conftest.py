"""Settings of the whole suite."""

import grpc.aio
from hypothesis import HealthCheck, settings

# A slow or busy machine is no finding: no property here is about wall-clock time.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

# One use of grpc.aio that never ends: when the last one did, which a garbage collection in any later test may decide,
# grpc waited for its poller's thread, and once for ever.
grpc.aio.init_grpc_aio()  # type: ignore[attr-defined]  # the stubs do not know it
