"""Functions that yield rows: backtest now; sweeps, walk-forward and the tests of luck later."""
