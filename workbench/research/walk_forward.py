"""Walk-forward: parameters are chosen on one stretch of time and traded on the next, again and again.

What comes out is one run through all test windows, with one book: a position is carried from a window into the next and goes on
under the new parameters, as it would live. Source: Pardo, "The evaluation and optimization of trading strategies", 2nd edition
(2008), chapter 11.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import numpy as np
import polars as pl

from workbench.analytics.returns import daily, every_day, growth_a_year, sharpe, sharpe_a_day
from workbench.domain.bars import DAY, show_time
from workbench.domain.commands import ChangeConfiguration, Command
from workbench.domain.money import to_decimal
from workbench.domain.params import counted, with_fields
from workbench.domain.terms import RULES
from workbench.engine.measures import measures_of
from workbench.engine.windows import Relay, read_series
from workbench.errors import Invalid
from workbench.research.backtest import Backtest, trade
from workbench.research.overfitting import probabilistic_sharpe
from workbench.research.study import Study, plain
from workbench.research.sweep import LEAST
from workbench.research.trials import Laid, Trial, times_of
from workbench.strategies import parameters_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

FEWEST_DAYS: Final = 2


class Fold(msgspec.Struct, frozen=True):
    """A stretch to choose on and the one after it to trade, each from an open time to before another, milliseconds UTC."""

    train: tuple[int, int]
    test: tuple[int, int]


class Leg(msgspec.Struct, frozen=True):
    """A fold, what was chosen on its training stretch, and among how many trials."""

    fold: Fold
    chosen: Trial
    trials: int


def folds_of(study: Study, folds: int, train: float, anchored: bool) -> list[Fold]:
    """Return the folds of a study's time, cut at UTC days.

    Parameters
    ----------
    folds
        How many test windows; they are of one length and end with the last bar.
    train
        How many times as long as a test window a training window is; the first one, where it is anchored.
    anchored
        Whether every training window begins with the first bar, and so grows.

    Raises
    ------
    Invalid
        If the bars are too few.
    """
    folds = counted("folds", folds, 1)
    if not isinstance(anchored, bool):
        raise Invalid("anchored", "True or False", anchored)
    if not to_decimal(train, "train") > 0:
        raise Invalid("train", "a length above zero, in test windows", train)
    train = float(train)
    times = times_of(study.many)
    first, last = int(times[0]) // DAY, int(times[-1]) // DAY + 1
    test = (last - first) / (folds + train)
    if test < FEWEST_DAYS:
        wanted = f"at least {int(np.ceil(FEWEST_DAYS * (folds + train)))} days for {folds} test windows"
        raise Invalid("bars", wanted, f"{last - first} days")
    edges = [round(last - test * (folds - i)) for i in range(folds + 1)]
    length = round(test * train)
    return [
        Fold((DAY * (first if anchored else max(begin - length, first)), DAY * begin), (DAY * begin, DAY * end))
        for begin, end in pairwise(edges)
    ]


def refuse_costs(study: Study) -> None:
    """Refuse axes that nobody can choose while trading.

    Raises
    ------
    Invalid
        Naming the first of them.
    """
    for name in study.axes:
        if name not in study.strategy.__struct_fields__ and name not in RULES:
            raise Invalid(name, "parameters and rules to choose from; costs are what they are", f"{name} with several values")


def choose(trials: Sequence[Trial], by: str) -> Trial:
    """Return the trial with the best figure, the least where less is better; where none has it, that with the highest return."""
    known = [trial for trial in trials if getattr(trial.figures, by) is not None]
    sign = -1 if by in LEAST else 1
    return max(known, key=lambda trial: sign * getattr(trial.figures, by)) if known else max(trials, key=_return_of)


def _return_of(trial: Trial) -> float:
    return trial.figures.return_pct


def run_legs(study: Study, legs: Sequence[Leg], laid: Laid, engine: Literal["auto", "kernel", "step"] = "auto") -> Backtest:
    """Return the run through all test windows, each traded by what was chosen before it."""
    said: list[list[Any]] = [[] for _ in study.many]
    plans = []
    for leg in legs:
        strategy = study.strategy_with(leg.chosen.values)
        plan = study.plan_with(leg.chosen.values)
        own = with_fields(plan.configuration, {"parameters": parameters_of(strategy)})
        plans.append(msgspec.structs.replace(plan, configuration=own))
        wanted = measures_of(own, plan.timeframe)
        readings = [read_series(strategy, series, wanted, way) for series, way in zip(study.many, laid, strict=True)]
        for place, (series, each) in enumerate(zip(study.many, readings, strict=True)):
            low, high = np.searchsorted(series.ts, leg.fold.test).tolist()
            said[place].append(each.between(low, high))
    # Rules change by command, as they would live; parameters are in what is read.
    changes_by_time: dict[int, Command] = {}
    times = times_of(study.many)
    for before, after, leg in zip(plans, plans[1:], legs[1:], strict=False):
        if _rules(before) != _rules(after):
            coming = times[np.searchsorted(times, leg.fold.test[0])]
            changes_by_time[int(coming)] = ChangeConfiguration(after.configuration)
    since, until = legs[0].fold.test[0], legs[-1].fold.test[1]
    traded = [series.between(since, until) for series in study.many]
    strategy = study.strategy_with(legs[-1].chosen.values)
    relays = [Relay(legs_said) for legs_said in said]
    return trade(strategy, traded, plans[0], study.cash, relays, changes=changes_by_time, whole=study.many, engine=engine)


def _rules(plan: Any) -> Any:
    return with_fields(plan.configuration, {"parameters": {}})


class WalkForward:
    """A finished walk forward; it shows itself in a notebook.

    Attributes
    ----------
    study
        What was tried on what.
    legs
        The folds with what was chosen on each.
    result
        The run through all test windows: nothing in it was chosen on the bars it trades.
    by
        The figure by which parameters were chosen.
    """

    def __init__(self, study: Study, legs: Sequence[Leg], result: Backtest, by: str, anchored: bool) -> None:
        self.study, self.legs, self.result, self.by, self.anchored = study, tuple(legs), result, by, anchored

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row a fold: its windows, what was chosen, and its figures in training and in the test.

        `efficiency` is the yearly return of the test as a share of that of the training.
        """
        rows = []
        ts, equity = self.result.run.ts, self.result.run.equity
        opened = float(self.result.cash)
        for leg in self.legs:
            low, high = np.searchsorted(ts, leg.fold.test).tolist()
            line = np.concatenate([[opened], equity[low:high]])
            days = (leg.fold.test[1] - leg.fold.test[0]) / DAY
            trained = (leg.fold.train[1] - leg.fold.train[0]) / DAY
            figures = leg.chosen.figures
            grown = float(growth_a_year(1.0, 1 + figures.return_pct / 100, trained))
            tested = float(growth_a_year(opened, line[-1], days))
            ends = np.append(np.flatnonzero(np.diff(ts[low:high] // DAY)), high - low - 1)
            closes = every_day((ts[low:high] // DAY)[ends], equity[low:high][ends]) if high > low else equity[:0]
            ratio = float(sharpe(daily(opened, closes)))
            closed = self.result.run.trips.closed
            rows.append(
                {
                    "train_from": leg.fold.train[0], "train_to": leg.fold.train[1], "test_from": leg.fold.test[0],
                    "test_to": leg.fold.test[1], **{name: plain(value) for name, value in leg.chosen.values.items()},
                    "trials": leg.trials, "return_train_pct": figures.return_pct,
                    "return_test_pct": 100 * (line[-1] / opened - 1) if opened > 0 else None, "sharpe_train": figures.sharpe,
                    "sharpe_test": ratio if ratio == ratio else None,
                    "trades_test": int(((closed >= leg.fold.test[0]) & (closed < leg.fold.test[1])).sum()),
                    "yearly_train_pct": 100 * grown, "yearly_test_pct": 100 * tested,
                    "efficiency": tested / grown if grown > 0 and tested == tested else None,
                }
            )  # fmt: skip
            opened = float(line[-1])
        times = ("train_from", "train_to", "test_from", "test_to")
        return pl.DataFrame(rows).with_columns(pl.col(times).cast(pl.Datetime("ms", "UTC")))

    @cached_property
    def efficiency(self) -> float | None:
        """The mean yearly return in the tests as a share of that in training; None where training gained nothing."""
        trained, tested = (float(np.mean(self.frame[name].to_numpy())) for name in ("yearly_train_pct", "yearly_test_pct"))
        return tested / trained if trained > 0 else None

    @cached_property
    def psr(self) -> float | None:
        """The probability that the true Sharpe ratio of the tests lies above zero; nothing was chosen on them."""
        from workbench.analytics.returns import moments

        returns = self.result.run.daily_returns()
        if len(returns) < 2:
            return None
        skewness, kurtosis = moments(returns)
        found = float(probabilistic_sharpe(sharpe_a_day(returns), len(returns), skewness, kurtosis))
        return found if found == found else None

    @cached_property
    def findings(self) -> list[str]:
        """What to know before it is believed, in plain sentences."""
        told, frame = [], self.frame
        lost = int((frame["return_test_pct"] <= 0).sum())
        if 2 * lost >= frame.height:
            told.append(f"It made nothing in {lost} of {frame.height} test windows.")
        if self.efficiency is not None and self.efficiency <= 0:
            told.append("On average the tests lost where training had gained.")
        elif self.efficiency is not None and self.efficiency < 0.5:
            told.append(f"Tests kept {self.efficiency:.0%} of what training showed; half of it is the least to hope for.")
        moves = [name for name, values in self.study.axes.items() if len(values) > 2 and _jumps(frame[name].to_list(), values)]
        if moves:
            told.append(f"What is chosen jumps from window to window ({', '.join(moves)}): there may be nothing there to find.")
        if self.psr is not None and self.psr < 0.95:
            told.append(f"That the true Sharpe ratio is above zero has a probability of {self.psr:.2f}; 0.95 would convince.")
        return told + self.result.findings

    def plot(self) -> "go.Figure":
        """Return a plotly figure: equity through the test windows, with a line where parameters were chosen anew."""
        figure = self.result.plot()
        for leg in self.legs:
            figure.add_vline(x=leg.fold.test[0], line={"width": 1, "dash": "dot", "color": "#646970"})
        figure.update_layout(title=repr(self))
        return figure

    def __repr__(self) -> str:
        stats = self.result.stats
        ratio = "no Sharpe ratio" if stats["sharpe"] is None else f"Sharpe {stats['sharpe']:.2f}"
        kept = "" if self.efficiency is None else f", efficiency {self.efficiency:.0%}"
        how = "anchored" if self.anchored else "rolling"
        return (
            f"{self.study.family} walked forward over {len(self.legs)} {how} windows from "
            f"{show_time(self.legs[0].fold.test[0])}: {stats['total_return_pct']:+.2f} % out of sample, {ratio}{kept}"
        )

    def _repr_html_(self) -> str:
        from workbench.analytics.report import told_html

        return told_html(repr(self), self.findings, self.frame)


def _jumps(chosen: Sequence[Any], values: Sequence[Any]) -> bool:
    """Return whether a choice moves by more than a third of its axis from one window to the next, on average."""
    known = [plain(value) for value in values]
    places = [known.index(one) for one in chosen]
    steps = np.abs(np.diff(places))
    return bool(len(steps) and steps.mean() > (len(values) - 1) / 3)
