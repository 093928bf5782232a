"""Monte Carlo around a finished backtest; runs with other parameters are trials, and are kept and counted as such."""

from workbench.actions.run_sweep import Progress, finish, kept_trials, shown
from workbench.desk import Desk, desk_or_own
from workbench.domain.params import counted
from workbench.errors import Invalid, NotFound
from workbench.research.backtest import Backtest
from workbench.research.monte_carlo import (
    KINDS,
    Kind,
    MonteCarlo,
    bootstrap_bars,
    figures_frame,
    jittered,
    own_figures,
    shown_figures,
    shuffle_trades,
)
from workbench.research.study import study_from


def run_monte_carlo(
    result: Backtest,
    kind: Kind = "trades",
    *,
    runs: int = 1000,
    seed: int = 1,
    replace: bool = False,
    block: float | None = None,
    spread: float = 0.1,
    desk: Desk | None = None,
    progress: Progress | bool = False,
    workers: int | None = None,
) -> MonteCarlo:
    """Return what else could have come of a backtest.

    Parameters
    ----------
    result
        From `backtest`, or from `sweep(...).backtest()`.
    kind
        `"trades"`: the same round trips in another order. `"bars"`: the same bars drawn anew in blocks, traded by the strategy.
        `"parameters"`: parameters a little off, on the same bars; these are trials, stored and counted.
    runs
        How many.
    seed
        Of the draws: the same seed gives the same runs.
    replace
        For trades: draw with replacement, so that the return varies too.
    block
        For bars: the mean length of a block; as long as the strategy looks back where None.
    spread
        For parameters: how far off, as a share of each.
    desk, progress, workers
        As for `sweep`.

    Raises
    ------
    NotFound
        If there is no such kind.
    Refused
        If there is nothing to vary.

    Examples
    --------
    >>> import workbench as wb
    >>> result = wb.backtest("sma_cross", wb.simulate_bars("WETH", "1h", 2000), parameters={"fast": 5, "slow": 20})
    >>> run_monte_carlo(result, "trades", runs=200).frame.height
    200
    """
    if kind not in KINDS:
        raise NotFound("kind of Monte Carlo", str(kind), KINDS, field="kind")
    runs, seed = counted("runs", runs, 1), counted("seed", seed, 0)
    workers = None if workers is None else counted("workers", workers, 1)
    if not isinstance(result, Backtest):
        raise Invalid("result", "a backtest, as wb.backtest returns it", type(result).__name__)
    if kind == "trades":
        return shuffle_trades(result, runs, seed, replace)
    if kind == "bars":
        return bootstrap_bars(result, runs, seed, block, workers)
    values = jittered(result, runs, seed, spread)
    study = study_from(result, {name: list(dict.fromkeys(one[name] for one in values)) for name in values[0]})
    with desk_or_own(desk) as chosen, shown(progress, len(values)) as tell:
        trials, _ = kept_trials(chosen, study, values, tell, workers)
        best = max(trials, key=lambda trial: trial.figures.return_pct)
        finish(chosen, study, best.values)
    frame = figures_frame([trial.figures for trial in trials], values)
    return MonteCarlo("parameters", result, frame, shown_figures(own_figures(result, study.held_out)))
