"""What every test of research needs: a kernel that does not still compile."""

import pytest


@pytest.fixture(autouse=True)
def with_kernel(kernel_is_ready: None) -> None:
    """Which engine runs hangs on nothing but the run."""
