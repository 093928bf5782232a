"""Walk a strategy forward, and keep every trial that was run to choose."""

from collections.abc import Callable
from typing import Any

from workbench.actions.run_sweep import Progress, finish, kept_trials, shown
from workbench.desk import Desk, desk_or_own
from workbench.domain.params import counted
from workbench.engine.stitched import lay_out
from workbench.engine.strategy import SignalStrategy
from workbench.research.causality import refuse_look_ahead
from workbench.research.study import check_lengths, grid, on_span, study_of
from workbench.research.sweep import check_figure
from workbench.research.walk_forward import Leg, WalkForward, choose, folds_of, refuse_costs, run_legs


def run_walk_forward(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    folds: int = 5,
    train: float = 2.0,
    anchored: bool = False,
    by: str = "sharpe",
    where: Callable[..., bool] | None = None,
    desk: Desk | None = None,
    progress: Progress | bool = True,
    workers: int | None = None,
    **options: Any,
) -> WalkForward:
    """Choose parameters on a stretch of time, trade them on the next one, and go on so to the end.

    The test windows are traded as one run with one book. Indicators of a window are computed from the bars before it too, as
    they would be live; nothing is chosen on the bars that are traded. Every trial is stored and counted.

    Parameters
    ----------
    strategy, bars, where, desk, progress, workers, options
        As for `sweep`.
    folds
        How many test windows.
    train
        How many times as long as a test window a training window is.
    anchored
        Whether training begins with the first bar each time, instead of rolling along.
    by
        The figure by which one is chosen, such as `"sharpe"`, `"calmar"` or `"return_pct"`.

    Raises
    ------
    NotFound, Invalid, Refused
        As for `sweep`; or if the bars are too few for the windows, or costs are to be chosen.

    Examples
    --------
    >>> from workbench.desk import open_desk
    >>> from workbench.sources.simulated import simulate_bars
    >>> with open_desk(":memory:") as desk:
    ...     walked = run_walk_forward(
    ...         "sma_cross", simulate_bars("WETH", "1h", 1500), folds=3, fast=[5, 10], slow=[30, 40], desk=desk, progress=False
    ...     )
    >>> walked.frame.height
    3
    """
    workers = None if workers is None else counted("workers", workers, 1)
    study = study_of(strategy, bars, **{"held_out": 0.0, **options})
    check_figure(by, study.held_out)
    refuse_costs(study)
    wanted = grid(study, where)
    check_lengths(study, wanted)
    cut = folds_of(study, folds, train, anchored)
    refuse_look_ahead(study, wanted)
    laid = [lay_out(series, study.strategy) for series in study.many]
    total, legs = len(wanted) * len(cut), []
    with desk_or_own(desk) as chosen_desk, shown(progress, total) as tell:
        for place, fold in enumerate(cut):
            part = on_span(study, fold.train)
            trials, _ = kept_trials(chosen_desk, part, wanted, _after(place * len(wanted), total, tell), workers, laid)
            best = choose(trials, by)
            finish(chosen_desk, part, best.values)
            legs.append(Leg(fold, best, len(wanted)))
    return WalkForward(study, legs, run_legs(study, legs, laid), by, anchored)


def _after(before: int, total: int, tell: Progress) -> Progress:
    return lambda done, _: tell(before + done, total)
