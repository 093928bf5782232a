"""What the server does before its readers come."""

import gc

from workbench.strategies import shelf as strategies
from workbench.web.serve import settle


def test_what_stays_for_good_is_loaded_and_passed_over_by_the_collector():
    before = gc.get_freeze_count()
    try:
        settle()
        assert gc.get_freeze_count() > before + 10_000
        assert "sma_cross" in strategies.names()
    finally:
        gc.unfreeze()
