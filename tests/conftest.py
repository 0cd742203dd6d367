"""What all tests share: how Hypothesis behaves on a busy machine, and which tests begin."""

import pytest
from hypothesis import HealthCheck, settings

# How long something takes is no matter of a test; on a busy machine everything takes long.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

#: One test there waits for minutes of computing: begun last, all other workers would wait for it.
FIRST = "test_training_pipeline.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where workers take files from the list side by side they end at about the same time."""
    items.sort(key=lambda item: item.path.name != FIRST)
