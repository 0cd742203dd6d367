"""What all tests share: how Hypothesis behaves on a busy machine, and which tests begin."""

import pytest
from hypothesis import HealthCheck, settings

# How long something takes is no matter of a test; on a busy machine everything takes long.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

#: It trains a model for a minute and more: begun late, it would still run when the other workers have nothing left.
FIRST = "test_training_pipeline.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers take file after file from the list, the longest first."""
    items.sort(key=lambda item: item.path.name != FIRST)
