"""Search parameters by what earlier trials gave, and keep every trial: what was tried is counted, and nothing is run twice."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

from workbench.actions.run_sweep import Progress, begin, beginning, finish, keep, luck_of, read_figures, shown
from workbench.desk import Desk, desk_or_own
from workbench.domain.params import counted
from workbench.domain.sweeps import MOST_DRAWN
from workbench.engine.strategy import SignalStrategy
from workbench.research.causality import refuse_look_ahead
from workbench.research.cluster import connected, run_remotely
from workbench.research.search import AIM, MOST_SEED, Fitting, Search, check_aims, draw_trials, with_typed_axes
from workbench.research.study import Values, study_of, values_text
from workbench.research.sweep import check_figure
from workbench.research.trials import STORE_SECONDS, Trial, bench_of, figures_of, run_tallies


def run_search(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    trials: int = 200,
    aim: str | Sequence[str] = AIM,
    sampler: str | None = None,
    draw_seed: int = 1,
    where: Callable[..., bool] | None = None,
    desk: Desk | None = None,
    progress: Progress | bool = True,
    workers: int | None = None,
    executor: str | None = None,
    **options: Any,
) -> Search:
    """Search the parameters of a strategy with Optuna, and return one honest row for each trial.

    Every parameter that is not given is searched within its own bounds. The aim is, unless another is given, the Sharpe ratio of
    the days before those held out: what was searched for never saw the days by which it is judged.

    Parameters
    ----------
    strategy, bars, where, desk, progress, workers, executor
        As for `sweep`.
    trials
        How many different ones, at most 100,000.
    aim
        A figure of the rows, or several, such as `["sharpe_in", "max_drawdown_pct"]`.
    sampler
        `"tpe"`, `"cma-es"` or `"nsga-ii"`; the first for one aim and the last for several where None.
    draw_seed
        Of the sampler: the same one draws the same trials.
    options
        As for `sweep`: with several values it is searched among these, with one it is fixed.

    Raises
    ------
    NotFound, Invalid, Refused
        As for `sweep`; or if there is no such figure or sampler.

    Examples
    --------
    >>> from workbench.desk import open_desk
    >>> from workbench.sources.simulated import simulate_bars
    >>> with open_desk(":memory:") as desk:
    ...     found = run_search("sma_cross", simulate_bars("WETH", "1h", 1500), trials=20, desk=desk, progress=False)
    >>> found.frame.height
    20
    """
    trials, draw_seed = counted("trials", trials, 1, MOST_DRAWN), counted("draw_seed", draw_seed, 0, MOST_SEED)
    workers = None if workers is None else counted("workers", workers, 1)
    aims = [aim] if isinstance(aim, str) else list(aim) if isinstance(aim, (list, tuple)) else [str(aim)]
    chosen_sampler = check_aims(aims, sampler)
    study = with_typed_axes(study_of(strategy, bars, **options), options)
    for each in aims:
        check_figure(each, study.held_out, field="aim")
    fits = Fitting(study, where)
    # Nothing is drawn yet: looked at are the parameters themselves, and the ends of what may be drawn.
    low, high = ({name: values[place] for name, values in study.axes.items()} for place in (0, -1))
    own = {name: getattr(study.strategy, name) for name in study.axes if name in study.strategy.__struct_fields__}
    looked_at = [values for values in ({**low, **own}, low, high) if fits(values)]
    between = beginning(progress, trials)
    if looked_at:
        refuse_look_ahead(study, looked_at, between=between)
    bench = bench_of(study)
    whose = desk_or_own(desk)
    with connected(executor) as client, whose as chosen, shown(progress, trials) as tell:
        known = None
        every: list[Trial] = []
        stored = 0

        def here(missing: Sequence[Values]) -> Generator[list[Trial]]:
            with closing(run_tallies(bench, missing, workers, STORE_SECONDS)) as made:
                for part, tallies in made:
                    yield [Trial(dict(v), f) for v, f in zip(part, figures_of(study, tallies), strict=True)]

        def run(batch: Sequence[Values]) -> list[Trial]:
            nonlocal known, stored
            if known is None:
                known = begin(chosen, study)
            done = {values_text(v): read_figures(known[values_text(v)]) for v in batch if values_text(v) in known}
            stored += len(done)
            missing = [v for v in batch if values_text(v) not in done]
            with closing(here(missing) if client is None else run_remotely(client, study, missing)) as made:
                for fresh in made:
                    keep(chosen, study, fresh)
                    done.update({values_text(trial.values): trial.figures for trial in fresh})
                    if len(done) < len(batch):
                        tell(len(every) + len(done), trials)
            return [Trial(dict(v), done[values_text(v)]) for v in batch]

        for found in draw_trials(study, fits, run, trials, aims, chosen_sampler, draw_seed):
            every += found
            tell(len(every), trials)
        if not every:
            fits.refuse()
        searched = Search(study, every, luck_of(chosen, study), stored, aims, chosen_sampler)
        best = searched.best()
        finish(chosen, study, {name: best[name] for name in study.axes})
    return searched
