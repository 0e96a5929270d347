"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# A slow or busy machine is no finding: no property here is about wall-clock time.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
