import subprocess
import sys

import pytest

import workbench as wb

NAMES = {"open_desk", "read_bars", "simulate_bars", "backtest", "strategies", "tune"}


def test_the_names_a_notebook_needs_are_there():
    assert set(wb.__all__) >= NAMES
    assert wb.__all__ == sorted(wb.__all__, key=str)
    for name in wb.__all__:
        assert getattr(wb, name) is not None
        assert name in dir(wb)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'backtst'"):
        wb.backtst  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'Sma'"):
        wb.strategies.Sma  # noqa: B018


def test_importing_the_package_brings_nothing_heavy():
    code = (
        "import sys, workbench; print(sorted({'polars', 'numpy', 'talib', 'sqlalchemy', 'plotly', 'litestar'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
