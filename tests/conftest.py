from __future__ import annotations

import os

# One thread, set before NumPy and torch load theirs: the matrices of the tests are small, and several pools of threads
# that wait for each other on two cores take twice the time. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from empirical import DATA_ROOT_VARIABLE

settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("reproducible")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data-root", default=None, help=f"folder of cifar-10-batches-bin; default: ${DATA_ROOT_VARIABLE}"
    )


@pytest.fixture(scope="session")
def cifar_root(request: pytest.FixtureRequest) -> Path:
    """The folder that holds cifar-10-batches-bin; the test is skipped where there is none."""
    given = request.config.getoption("--data-root") or os.environ.get(DATA_ROOT_VARIABLE)
    if not given:
        pytest.skip(f"CIFAR-10 not given: pass --data-root or set {DATA_ROOT_VARIABLE}")
    return Path(given)
