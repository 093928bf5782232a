"""Cross-validate the choosing of parameters, and keep every trial that was run for it."""

from collections.abc import Callable
from math import ceil
from typing import Any

from workbench.actions.run_sweep import Progress, begin, finish, keep, shown
from workbench.desk import Desk, desk_or_own
from workbench.domain.bars import DAY
from workbench.domain.money import to_decimal
from workbench.domain.params import counted
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Broken, Invalid
from workbench.research.causality import refuse_look_ahead
from workbench.research.cross_validation import CrossValidation, split_days, validate
from workbench.research.study import check_lengths, grid, study_of
from workbench.research.trials import Trial, bench_of, figures_of, times_of


def run_cross_validation(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    groups: int = 6,
    tested: int = 1,
    purge: int | None = None,
    embargo: float = 0.01,
    where: Callable[..., bool] | None = None,
    desk: Desk | None = None,
    progress: Progress | bool = True,
    workers: int | None = None,
    **options: Any,
) -> CrossValidation:
    """Choose by the Sharpe ratio on some groups of days, and judge what was chosen on the others, in every combination.

    Parameters
    ----------
    strategy, bars, where, desk, progress, workers, options
        As for `sweep`.
    groups
        Into how many groups of one length the days are cut.
    tested
        How many of them are tested at a time: 1 is purged K-fold, more is combinatorial purged cross-validation.
    purge
        Days left out of the training on both sides of a tested group; as many as the longest lookback takes where None.
    embargo
        Days left out beyond those after it, as a share of all days.

    Raises
    ------
    NotFound, Invalid, Refused
        As for `sweep`; or if the days are too few for the groups.

    Examples
    --------
    >>> from workbench.desk import open_desk
    >>> from workbench.sources.simulated import simulate_bars
    >>> with open_desk(":memory:") as desk:
    ...     found = run_cross_validation(
    ...         "sma_cross", simulate_bars("WETH", "1h", 1500), groups=4, tested=2, fast=[5, 10], slow=[30, 40], desk=desk,
    ...         progress=False,
    ...     )
    >>> found.frame.height, found.paths.height
    (6, 3)
    """
    workers = None if workers is None else counted("workers", workers, 1)
    study = study_of(strategy, bars, **options)
    wanted = grid(study, where)
    check_lengths(study, wanted)
    if not 0 <= to_decimal(embargo, "embargo") < 1:
        raise Invalid("embargo", "a share of the days from 0 to below 1", embargo)
    times = times_of(study.many)
    first = int(times[0]) // DAY
    days = int(times[-1]) // DAY - first + 1
    if purge is None:
        longest = max(study.strategy_with(values).lookback for values in wanted)
        purge = ceil(longest * study.many[0].step / DAY)
    held = ceil(float(embargo) * days)
    splits = split_days(days, groups, tested, purge, held)
    refuse_look_ahead(study, wanted)
    with desk_or_own(desk) as chosen, shown(progress, len(wanted)) as tell:
        begin(chosen, study)
        done = 0
        for part, tallies, found in validate(study, wanted, bench_of(study), splits, first, purge, held, workers):
            if found is not None:
                finish(chosen, study, found.chosen[0])
                return found
            keep(chosen, study, [Trial(dict(v), f) for v, f in zip(part, figures_of(study, tallies), strict=True)])
            done += len(part)
            tell(done, len(wanted))
    raise Broken("A cross-validation ended without a result: expected one after the last trial, found none.")
