"""A finished sweep: one row a trial, and beside every figure what it is worth once the choosing is taken into account."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.analytics.returns import Floats
from workbench.domain.params import counted
from workbench.errors import Invalid, NotFound
from workbench.research.backtest import Backtest, backtest
from workbench.research.luck import Luck
from workbench.research.overfitting import (
    BlockSums,
    Overfitting,
    deflated_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    probability_of_overfitting,
)
from workbench.research.study import Study, Value, Values
from workbench.research.trials import Trial

if TYPE_CHECKING:
    import plotly.graph_objects as go

CONVINCING: Final = 0.95
"""A deflated Sharpe ratio below it is taken for luck."""
FEW_TRADES: Final = 30
SHOWN: Final = (
    "return_pct", "sharpe", "sortino", "calmar", "max_drawdown_pct", "trades", "win_rate", "profit_factor", "exposure_pct",
    "turnover", "fees", "cost_share", "return_in_pct", "return_out_pct", "sharpe_in", "sharpe_out", "ambiguous_bars",
    "final_equity",
)  # fmt: skip
"""The figures of a row, by which one can be chosen too."""
LUCK: Final = ("psr", "dsr", "min_track_days", "decay", "plateau", "at_edge")
"""The columns beside the figures of a row, which tell what luck makes of them."""
LEAST: Final = ("fees", "cost_share", "turnover", "exposure_pct", "ambiguous_bars", "decay", "min_track_days")
"""Of these less is better."""
OF_HELD_OUT: Final = ("return_out_pct", "sharpe_out", "decay")
"""These are of the days held out."""


class Sweep:
    """A sweep; it shows itself in a notebook, its best rows first.

    Attributes
    ----------
    study
        What was tried on what.
    trials
        In the order of the grid.
    luck
        What all trials ever run of the strategy on this market amount to.
    options
        Those that `backtest` takes beside the values of a trial.
    stored
        How many of the trials were not run again because they were stored before.
    """

    def __init__(self, study: Study, trials: Sequence[Trial], luck: Luck, stored: int = 0) -> None:
        self.study, self.trials, self.luck, self.stored = study, tuple(trials), luck, stored

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row a trial: its values, its figures, and beside them what luck makes of them.

        `psr` and `dsr` are the probabilistic and the deflated Sharpe ratio, `min_track_days` how many days it takes to be 95 %
        sure that the true one is above zero, `decay` how much of the Sharpe ratio is lost out of sample, `plateau` the mean
        Sharpe ratio of its neighbours on the grid as a share of its own, `at_edge` whether it lies at an end of an axis.
        """
        every = [trial.figures for trial in self.trials]
        values = {name: _column([trial.values[name] for trial in self.trials]) for name in self.study.axes}
        shown = {name: pl.Series([getattr(figures, name) for figures in every], strict=False) for name in SHOWN}
        ratio = np.array([np.nan if f.sharpe_a_day is None else f.sharpe_a_day for f in every])
        skewness, kurtosis = np.array([f.skewness for f in every]), np.array([f.kurtosis for f in every])
        count = every[0].observations
        inside, outside = (np.array([getattr(f, name) for f in every], np.float64) for name in ("sharpe_in", "sharpe_out"))
        with np.errstate(divide="ignore", invalid="ignore"):
            decay = np.where(inside > 0, 1 - outside / inside, np.nan)
        luck = {
            "psr": probabilistic_sharpe(ratio, count, skewness, kurtosis),
            "dsr": deflated_sharpe(ratio, count, skewness, kurtosis, self.luck.effective, self.luck.variance(count)),
            "min_track_days": minimum_track_record(ratio, skewness, kurtosis),
            "decay": decay,
            "plateau": self._plateaus(),
        }
        made = {name: pl.Series(column).fill_nan(None) for name, column in luck.items()}
        return pl.DataFrame({**values, **shown, **made, "at_edge": self._edges()})

    def _plateaus(self) -> Floats:
        """Return the mean Sharpe ratio of each trial's neighbours, one step along one axis, as a share of its own."""
        axes = {name: in_order(values) for name, values in self.study.axes.items()}
        places = {name: {value: place for place, value in enumerate(values)} for name, values in axes.items()}
        at = [tuple(places[name][trial.values[name]] for name in axes) for trial in self.trials]
        ratios = {place: trial.figures.sharpe or 0.0 for place, trial in zip(at, self.trials, strict=True)}
        out = np.full(len(at), np.nan)
        for i, place in enumerate(at):
            own = ratios[place]
            near = [
                ratios[found]
                for axis in range(len(place))
                for by in (-1, 1)
                if (found := (*place[:axis], place[axis] + by, *place[axis + 1 :])) in ratios
            ]
            if own > 0 and near:
                out[i] = sum(near) / len(near) / own
        return out

    def _edges(self) -> list[bool]:
        ends = self._ends()
        return [any(trial.values[name] in both for name, both in ends.items()) for trial in self.trials]

    def _ends(self) -> dict[str, tuple[Value, Value]]:
        # An axis of two values has nothing but ends, and one of names has none.
        ordered = {name: in_order(values) for name, values in self.study.axes.items() if len(values) > 2}
        return {name: (values[0], values[-1]) for name, values in ordered.items() if not isinstance(values[0], str)}

    def best(self, by: str = "sharpe") -> dict[str, Any]:
        """Return the row of the trial that is best by a column: with the highest value, or the least where less is better.

        Raises
        ------
        NotFound
            If there is no such column.
        Invalid
            If it is of days held out, and none were.
        """
        return self.ordered(by).row(0, named=True)

    def ordered(self, by: str = "sharpe") -> pl.DataFrame:
        """Return the rows from the best by a column to the worst; raises as `best` does."""
        check_figure(by, self.study.held_out, self.frame.columns)
        return self.frame.sort(by, descending=by not in LEAST, nulls_last=True, maintain_order=True)

    @cached_property
    def overfitting(self) -> Overfitting | None:
        """The probability of backtest overfitting by CSCV; None where there are too few trials or days for it."""
        try:
            return probability_of_overfitting(self._block_sums())
        except Invalid:
            return None

    def _block_sums(self) -> BlockSums:
        count = self.trials[0].figures.observations
        sums, squares = (
            np.frombuffer(b"".join(getattr(trial.figures, name) for trial in self.trials)).reshape(len(self.trials), -1)
            for name in ("sums", "squares")
        )
        edges = np.linspace(0, count, sums.shape[1] + 1).round()
        return BlockSums(np.diff(edges), sums, squares)

    def backtest(self, which: int | Mapping[str, Any] | None = None, **options: Any) -> Backtest:
        """Return the backtest of one trial: of a row by its number, of the values given, or of the best.

        Parameters
        ----------
        which
            A row's number in `frame`, a mapping with the values of the axes, or None for the best Sharpe ratio.
        options
            For `backtest`, such as `engine="step"`.

        Raises
        ------
        Invalid
            If there is no such row, or a value is missing.
        NotFound
            If a value is of something that was not tried.
        """
        values = self._values_of(which)
        study, plan = self.study, self.study.plan_with(values)
        since, until = study.span or (None, None)
        return backtest(
            study.strategy_with(values), list(study.many), cash=study.cash, configuration=plan.configuration, costs=plan.costs,
            realism=plan.realism, seed=study.seed,
            since=since, until=until, **options,
        )  # fmt: skip

    def _values_of(self, which: int | Mapping[str, Any] | None) -> Values:
        if which is None:
            row = self.best()
        elif isinstance(which, Mapping):
            for name in which:
                if name not in self.study.axes:
                    raise NotFound("axis", str(name), [*self.study.axes], field="which")
            for name in self.study.axes:
                if name not in which:
                    raise Invalid("which", "a value for each of " + ", ".join(self.study.axes), f"none for {name}")
            row = dict(which)
        else:
            row = self.frame.row(counted("which", which, 0, len(self) - 1), named=True)
        return {name: row[name] for name in self.study.axes}

    @cached_property
    def findings(self) -> list[str]:
        """What to know before the best row is believed, in plain sentences."""
        best, told = self.best(), []
        luck, dsr = self.luck, best["dsr"]
        counted = f"{luck.trials:,} trials of {self.study.family} on this market, {luck.effective:,} independent ones"
        if best["sharpe"] is None:
            return ["No trial traded enough to have a Sharpe ratio."]
        if dsr is not None and dsr < CONVINCING:
            lucky = luck.expected_sharpe_a_day(self.trials[0].figures.observations) * 365**0.5
            told.append(
                f"The best Sharpe ratio of {best['sharpe']:.2f} may be luck: after {counted}, the best is expected to show "
                f"{lucky:.2f} without any skill; the deflated Sharpe ratio is {dsr:.2f} and {CONVINCING:.2f} would convince."
            )
        if self.overfitting is not None and self.overfitting.probability > 0.2:
            share = self.overfitting.probability
            told.append(
                f"In {share:.0%} of the splits of time the best of one half was below the median in the other (PBO {share:.2f})."
            )
        if best["at_edge"]:
            ends = [f"{name}={best[name]}" for name, both in self._ends().items() if best[name] in both]
            told.append(f"The best lies at the edge of the grid ({', '.join(ends)}): a wider grid may find a better one.")
        if best["plateau"] is not None and best["plateau"] < 0.5:
            told.append(f"Its neighbours on the grid reach {best['plateau']:.0%} of its Sharpe ratio: it stands alone.")
        if best["decay"] is not None and best["decay"] > 1:
            told.append(
                f"Out of sample its Sharpe ratio is negative: {best['sharpe_out']:.2f}, after {best['sharpe_in']:.2f} before."
            )
        elif best["decay"] is not None and best["decay"] > 0.5:
            told.append(f"Out of sample {best['decay']:.0%} of its Sharpe ratio is gone.")
        if best["trades"] < FEW_TRADES:
            told.append(f"It made {best['trades']} round trips: too few to tell, {FEW_TRADES} are the least.")
        elif best["trades"] < 10 * len(self.study.axes):
            told.append(
                f"{len(self.study.axes)} parameters were chosen by {best['trades']} round trips; ten for each are the least."
            )
        return told

    def plot(self, by: str = "sharpe") -> "go.Figure":
        """Return a plotly figure: a heatmap of two axes, or a line of one; of more, the first two, each at its best."""
        from workbench.analytics.figures import sweep_figure

        check_figure(by, self.study.held_out, [name for name in self.frame.columns if name not in self.study.axes])
        return sweep_figure(self.frame, list(self.study.axes), by, repr(self))

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        best = self.best()
        chosen = ", ".join(f"{name}={best[name]}" for name in self.study.axes)
        ratio = "no Sharpe ratio" if best["sharpe"] is None else f"Sharpe {best['sharpe']:.2f}"
        dsr = "" if best["dsr"] is None else f", deflated {best['dsr']:.2f}"
        return f"{len(self):,} trials of {self.study.family}: best {chosen} with {ratio}{dsr}, {best['return_pct']:+.2f} %"

    def _repr_html_(self) -> str:
        from workbench.analytics.report import told_html

        return told_html(repr(self), self.findings, self.ordered().head(10))


def check_figure(by: Any, held_out: float, known: Sequence[str] = SHOWN, field: str = "by") -> None:
    """Refuse a figure that there is not.

    Raises
    ------
    NotFound
        If there is none of that name.
    Invalid
        If it is of days held out, and none are.
    """
    if by not in known:
        raise NotFound("figure", str(by), known, field=field)
    if by in OF_HELD_OUT and not held_out:
        raise Invalid(field, "a figure of days that were traded, for none are held out (held_out=0)", by)


def in_order(values: Sequence[Value]) -> list[Value]:
    """Return the values of an axis from the least to the greatest; names stay as they were given."""
    numbers = [value for value in values if not isinstance(value, str)]
    return sorted(numbers) if len(numbers) == len(values) else list(values)


def _column(values: Sequence[Any]) -> pl.Series:
    if any(isinstance(value, Decimal) for value in values):
        return pl.Series([float(value) for value in values])
    return pl.Series(list(values), strict=False)
