"""What all tests share: how Hypothesis behaves on a busy machine."""

from hypothesis import HealthCheck, settings

# How long something takes is no matter of a test; on a busy machine everything takes long.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
