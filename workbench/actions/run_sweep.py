"""Run a sweep and keep every trial: what was tried is counted, and nothing is run twice."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import msgspec

from workbench.analytics.returns import DAYS_A_YEAR
from workbench.desk import Desk, desk_or_own
from workbench.domain.params import counted
from workbench.engine.kernel import is_ready
from workbench.engine.strategy import SignalStrategy
from workbench.errors import Invalid
from workbench.research.causality import refuse_look_ahead
from workbench.research.cluster import connected, run_remotely
from workbench.research.luck import Drawn, Luck
from workbench.research.study import Study, Values, check_lengths, grid, study_of, values_text
from workbench.research.sweep import Sweep
from workbench.research.trials import Figures, Laid, Trial, run_trials
from workbench.research.tried import taken
from workbench.store import trials as store
from workbench.store.rows import TrialRow

_SLOWLY: Final = "trials, in step() while the kernel is compiled for the first time"
TELL_SECONDS: Final = 1.0
"""How long at least lies between two tellings that nothing is done yet."""
BY_HAND: Final = "backtest "
"""Before the id of a trial that no sweep has run."""
Progress = Callable[[int, int], None]
_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Figures)
_DRAWN = msgspec.msgpack.Decoder(Drawn)


def run_sweep(
    strategy: SignalStrategy | type[SignalStrategy] | str,
    bars: Any,
    *,
    where: Callable[..., bool] | None = None,
    desk: Desk | None = None,
    progress: Progress | bool = True,
    workers: int | None = None,
    executor: str | None = None,
    **options: Any,
) -> Sweep:
    """Try every combination of the values given, and return one honest row for each.

    Every trial is counted in the store, by strategy and market: the deflated Sharpe ratio beside each row knows how many
    were ever run, here and elsewhere. A sweep that was interrupted goes on where it stopped; one that is asked for again is
    read.

    Parameters
    ----------
    strategy
        A strategy, its class, or its name on the shelf.
    bars
        As for `backtest`: a series, a Polars or pandas frame, or a list of these.
    where
        Called with the values that it names, such as `lambda fast, slow: 2 * fast < slow`; only combinations for which it
        is true are tried.
    desk
        Where the trials are kept; that of the platform's own place for data where None.
    progress
        Whether a bar is shown, or a function that is called with the trials done and their number.
    workers
        Threads; as many as there are cores where None.
    executor
        The address of a Dask scheduler, such as `"tcp://10.0.0.5:8786"`, whose workers run the trials; the rows are the same.
    options
        Any parameter of the strategy, any rule, cost or friction that `backtest` takes: with several values it is tried, with
        one it is fixed. `cash`, `seed`, `symbol` and `timeframe` as for `backtest`; `held_out` is the last share of the days,
        0.3 where it is not given, by which each trial is judged again.

    Raises
    ------
    NotFound
        If a strategy, a parameter or an option does not exist; the sentence names the nearest.
    Invalid
        If a value is out of bounds, or the bars are too few for the parameters.
    Refused
        If nothing is left to try, the strategy looks ahead, or no scheduler answers.

    Examples
    --------
    >>> from workbench.desk import open_desk
    >>> from workbench.sources.simulated import simulate_bars
    >>> with open_desk(":memory:") as desk:
    ...     swept = run_sweep(
    ...         "sma_cross", simulate_bars("WETH", "1h", 600), fast=[5, 10], slow=[30, 40], desk=desk, progress=False
    ...     )
    >>> swept.frame.height
    4
    """
    workers = None if workers is None else counted("workers", workers, 1)
    study = study_of(strategy, bars, **options)
    wanted = grid(study, where)
    check_lengths(study, wanted)
    refuse_look_ahead(study, wanted, between=beginning(progress, len(wanted)))
    with connected(executor) as client, desk_or_own(desk) as chosen:
        return sweep_study(chosen, study, wanted, progress, workers, client)


def sweep_study(
    desk: Desk,
    study: Study,
    wanted: Sequence[Values],
    progress: Progress | bool = False,
    workers: int | None = None,
    client: Any = None,
) -> Sweep:
    """Run the trials of a study that are not stored yet, store them chunk by chunk, and return all of them."""
    with shown(progress, len(wanted)) as tell:
        trials, stored = kept_trials(desk, study, wanted, tell, workers, client=client)
    swept = Sweep(study, trials, luck_of(desk, study), stored)
    finish(desk, study, {name: swept.best()[name] for name in study.axes})
    return swept


def kept_trials(
    desk: Desk,
    study: Study,
    wanted: Sequence[Values],
    tell: Progress,
    workers: int | None = None,
    laid: Laid | None = None,
    client: Any = None,
) -> tuple[list[Trial], int]:
    """Return trials, run and stored now where they were not before, and how many of them were.

    Parameters
    ----------
    tell
        Called with the trials done and their number.
    laid
        The study's bars as they were laid out before.
    client
        Of a cluster that is to run them.
    """
    names = [values_text(values) for values in wanted]
    known = begin(desk, study)
    done = {name: _DECODER.decode(known[name]) for name in names if name in known}
    missing = [values for name, values in zip(names, wanted, strict=True) if name not in done]
    stored = len(done)
    tell(stored, len(wanted))
    made = run_trials(study, missing, workers, laid) if client is None else run_remotely(client, study, missing)
    with closing(made):
        for chunk in made if missing else ():
            keep(desk, study, chunk)
            done.update({values_text(trial.values): trial.figures for trial in chunk})
            tell(len(done), len(wanted))
    return [Trial(dict(values), done[name]) for name, values in zip(names, wanted, strict=True)], stored


def begin(desk: Desk, study: Study) -> dict[str, bytes]:
    """Write down that a study runs, and return what is stored of it."""
    with desk.store.write(durable=False) as connection:
        store.begin_sweep(connection, study.id, study.family, study.market, _options_text(study), desk.at)
        return store.stored_trials(connection, study.id)


def keep(desk: Desk, study: Study, trials: Sequence[Trial]) -> None:
    """Store trials; one that is stored already stays as it is. The disk has them for certain once the study is done."""
    with desk.store.write(durable=False) as connection:
        store.save_trials(connection, study.id, study.family, study.market, [_row(study, trial) for trial in trials], desk.at)


def finish(desk: Desk, study: Study, best: Values) -> None:
    """Write down that a study is done, and what was best."""
    with desk.store.write() as connection:
        store.finish_sweep(connection, study.id, values_text(best), None, desk.at)


def read_figures(stored: bytes) -> Figures:
    """Return figures as they were before they were stored."""
    return _DECODER.decode(stored)


def luck_of(desk: Desk, study: Study) -> Luck:
    """Return what all trials ever run of a strategy on a market amount to, those that were tried by hand among them."""
    count_tried(desk)
    with desk.store.read() as connection:
        return Luck(map(_DRAWN.decode, store.ledger(connection, study.family, study.market)))


def count_tried(desk: Desk) -> None:
    """Write down the backtests that this process has run by hand and not counted yet."""
    with taken() as every:
        rows: dict[tuple[str, str, str], TrialRow] = {}
        for tried in every:
            study, ratio = tried.study, tried.drawn.sharpe_a_day
            sharpe = None if ratio is None else ratio * DAYS_A_YEAR**0.5
            row = TrialRow("", study.trial_key({}), sharpe, tried.return_pct, tried.trades, _ENCODER.encode(tried.drawn))
            rows[BY_HAND + study.id, study.family, study.market] = row
        if rows:
            with desk.store.write() as connection:
                for (sweep, family, market), row in rows.items():
                    store.save_trials(connection, sweep, family, market, [row], desk.at)


def _row(study: Study, trial: Trial) -> TrialRow:
    figures = trial.figures
    key = study.trial_key(trial.values)
    return TrialRow(values_text(trial.values), key, figures.sharpe, figures.return_pct, figures.trades, _ENCODER.encode(figures))


def _options_text(study: Study) -> str:
    axes = {name: [str(value) for value in values] for name, values in study.axes.items()}
    symbols = [series.instrument.symbol for series in study.many]
    return msgspec.json.encode({"axes": axes, "symbols": symbols, "bars": sum(len(series) for series in study.many)}).decode()


def beginning(progress: Progress | bool, total: int) -> Callable[[], None] | None:
    """Tell a function of the caller's that trials are on their way, and return what tells it so again, once a second at most.

    To look for the future takes a while where the strategy does, and whoever is told may raise to cancel.
    """
    if not callable(progress):
        return None
    told = time.monotonic()
    progress(0, total)

    def again() -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            progress(0, total)

    return again


@contextmanager
def shown(progress: Progress | bool, total: int) -> Iterator[Progress]:
    """Yield what is told of progress: to a bar in a notebook or a terminal, to a function of the caller's, or to nobody."""
    if callable(progress):
        yield progress
    elif not isinstance(progress, bool):
        raise Invalid("progress", "True, False, or a function of the trials done and their number", progress)
    elif not progress:
        yield lambda done, total: None
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, transient=True) as bar:
            task = bar.add_task("trials", total=total)

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total, description="trials" if done == 0 or is_ready() else _SLOWLY)

            yield tell
