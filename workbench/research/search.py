"""Search: trials that are drawn by what earlier ones gave, instead of a whole grid.

Optuna draws, by the tree-structured Parzen estimator (Bergstra et al., 2011), by CMA-ES (Hansen and Ostermeier, 2001) or, where
there are several aims, by NSGA-II (Deb et al., 2002). Trials are drawn in batches of one size, whatever the machine, so a seed
gives the same trials everywhere.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NoReturn

import msgspec
import numpy as np
import polars as pl

from workbench.analytics.returns import Floats
from workbench.domain.params import Field, param_fields
from workbench.errors import Invalid, Refused, unlisted
from workbench.research.luck import Luck
from workbench.research.study import Study, Value, Values, meets, named_by
from workbench.research.sweep import LEAST, SHOWN, Sweep, in_order
from workbench.research.trials import Figures, Trial

BATCH: Final = 16
SAMPLERS: Final = ("tpe", "cma-es", "nsga-ii")
"""Figures of which less is better."""
MOST_VALUES: Final = 1_000
MOST_SEED: Final = 2**32 - 1
_WORST: Final = -1e12
_FRUITLESS: Final = 16
_NEAR: Final = 0.1
_GLANCES: Final = 64


def with_typed_axes(study: Study, given: Mapping[str, Any]) -> Study:
    """Return a study in which every parameter that was not given is searched within its own bounds, by its own steps.

    Raises
    ------
    Refused
        If there is nothing to search.
    """
    axes = dict(study.axes)
    for field in param_fields(type(study.strategy)):
        if field.name not in given and field.type in (int, float):
            axes[field.name] = _typed_values(field)
    if not axes:
        raise Refused(f"There is nothing to search: {study.family} has no parameter that is not fixed.")
    return msgspec.structs.replace(study, axes={name: tuple(in_order(values)) for name, values in axes.items()})


def _typed_values(field: Field) -> tuple[Value, ...]:
    low, high, step = field.param.low, field.param.high, field.param.step or 1
    count = min(int((high - low) / step + 1e-9) + 1, MOST_VALUES)
    values = np.linspace(low, low + step * (int((high - low) / step + 1e-9)), count)
    if field.type is int:
        return tuple(dict.fromkeys(round(value) for value in values.tolist()))
    return tuple(round(value, 8) for value in values.tolist())


AIM: Final = "sharpe_in"
"""What is searched for where nothing else is said."""


def check_aims(aims: Sequence[str], sampler: str | None) -> str:
    """Return the sampler for these aims.

    Raises
    ------
    Invalid
        If a figure or a sampler does not exist, or a sampler cannot do with several aims.
    """
    for aim in aims:
        if aim not in SHOWN:
            raise unlisted("aim", str(aim), SHOWN)
    if not aims or len(set(aims)) != len(aims):
        raise Invalid("aim", "one figure or several different ones", ", ".join(aims) or "none")
    chosen = sampler or ("tpe" if len(aims) == 1 else "nsga-ii")
    if chosen not in SAMPLERS:
        raise unlisted("sampler", str(chosen), SAMPLERS)
    if len(aims) > 1 and chosen == "cma-es":
        raise Invalid("sampler", "'nsga-ii' or 'tpe' for several aims", chosen)
    return chosen


class Fitting:
    """Whether values go together and leave bars to trade on; it remembers why others did not.

    Parameters
    ----------
    where
        A condition of the caller's, as for `run_sweep`.
    """

    def __init__(self, study: Study, where: Callable[..., bool] | None = None) -> None:
        self._study, self._where, self._named = study, where, named_by(where, study.axes)
        self._shortest = min(len(series) for series in study.many)
        self._why = ["no combination meets `where`"]

    def __call__(self, values: Values) -> bool:
        """Return whether these do."""
        if self._where is not None and not meets(self._where, {name: values[name] for name in self._named}):
            return False
        try:
            lookback = self._study.strategy_with(values).lookback
        except Invalid as problem:
            self._why.append(str(problem))
            return False
        if lookback >= self._shortest:
            self._why.append(f"bars: expected more than the {lookback:,} that a trial looks back, found {self._shortest:,}.")
        return lookback < self._shortest

    def refuse(self) -> NoReturn:
        """Say that nothing is left to try, and why.

        Raises
        ------
        Refused
            Always.
        """
        # Bars that are too few are the reason that no other values could mend.
        told = next((reason for reason in self._why if reason.startswith("bars:")), self._why[-1])
        raise Refused(f"Of all that was drawn nothing is left to try: {told}")


class _FoundOne(Exception):
    """Something was drawn that can be run."""


def check_drawn(study: Study, aims: Sequence[str], sampler: str, seed: int = 1) -> None:
    """Refuse a search that would draw nothing that can be run.

    Until one trial is run, what is drawn does not depend on what any gives, so the draws themselves can be asked.

    Raises
    ------
    Refused
        Saying why nothing is left to try.
    """
    fits, by_chance = Fitting(study), np.random.default_rng(seed)
    for _ in range(_GLANCES):
        # One in so many at random: the sampler, which draws four times as many, finds one too, and takes a while to load.
        if fits({name: values[by_chance.integers(len(values))] for name, values in study.axes.items()}):
            return

    def found(_: Sequence[Values]) -> Sequence[Trial]:
        raise _FoundOne

    try:
        list(draw_trials(study, fits, found, 1, aims, sampler, seed))
    except _FoundOne:
        return
    fits.refuse()


def draw_trials(
    study: Study,
    accepts: Callable[[Values], bool],
    run: Callable[[Sequence[Values]], Sequence[Trial]],
    trials: int,
    aims: Sequence[str],
    sampler: str,
    seed: int,
) -> Iterator[list[Trial]]:
    """Yield trials batch by batch, each drawn by what all before it gave, until there are so many different ones.

    Parameters
    ----------
    accepts
        Whether values go together; those that do not are told to the sampler as the worst there is.
    run
        Runs a batch and returns its trials in order.
    """
    import optuna
    from optuna.distributions import IntDistribution

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            samplers: Any = optuna.samplers
            made: Any = {
                "tpe": lambda: samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
                "cma-es": lambda: samplers.CmaEsSampler(seed=seed),
                "nsga-ii": lambda: samplers.NSGAIISampler(seed=seed, population_size=2 * BATCH),
            }[sampler]()
            drawn = optuna.create_study(directions=["maximize"] * len(aims), sampler=made)
            space: Any = {name: IntDistribution(0, len(values) - 1) for name, values in study.axes.items() if len(values) > 1}
            known: dict[tuple[Value, ...], Trial] = {}
            fruitless = 0
            # Where everything near was tried, or nothing goes together, more draws bring nothing.
            while fruitless < _FRUITLESS:
                asked = [drawn.ask(space) for _ in range(BATCH)]
                batch = [_values_at(study, one.params) for one in asked]
                fresh: dict[tuple[Value, ...], Values] = {}
                for values in batch:
                    key = tuple(values.values())
                    if key not in known and key not in fresh and len(known) + len(fresh) < trials and accepts(values):
                        fresh[key] = values
                found = list(run(list(fresh.values()))) if fresh else []
                known.update(zip(fresh, found, strict=True))
                for one, values in zip(asked, batch, strict=True):
                    trial = known.get(tuple(values.values()))
                    drawn.tell(one, [_aimed(trial.figures if trial else None, aim) for aim in aims])
                fruitless = 0 if found else fruitless + 1
                if found:
                    yield found
                if len(known) >= trials:
                    return
    finally:
        optuna.logging.set_verbosity(before)


def _values_at(study: Study, places: Mapping[str, int]) -> Values:
    return {name: values[places.get(name, 0)] for name, values in study.axes.items()}


def _aimed(figures: Figures | None, aim: str) -> float:
    """Return what is to be as high as it can: a figure, or less of it where less is better."""
    value = None if figures is None else getattr(figures, aim)
    if value is None or not np.isfinite(value):
        return _WORST
    return -float(value) if aim in LEAST else float(value)


class Search(Sweep):
    """A finished search; it is read like a sweep, in the order in which trials were drawn.

    Attributes
    ----------
    aims
        The figures that were searched for.
    sampler
        By which trials were drawn.
    """

    def __init__(self, study: Study, trials: Sequence[Trial], luck: Luck, stored: int, aims: Sequence[str], sampler: str) -> None:
        super().__init__(study, trials, luck, stored)
        self.aims, self.sampler = tuple(aims), sampler

    def best(self, by: str | None = None) -> dict[str, Any]:
        """Return the row of the trial that is best by a column; by the first aim where None.

        Raises
        ------
        NotFound
            If there is no such column.
        """
        return super().best(self.aims[0] if by is None else by)

    def ordered(self, by: str | None = None) -> pl.DataFrame:
        """Return the rows from the best by a column to the worst; by the first aim where None."""
        return super().ordered(self.aims[0] if by is None else by)

    @cached_property
    def front(self) -> pl.DataFrame:
        """The rows that no other row beats in every aim."""
        points = np.array([[_aimed(trial.figures, aim) for aim in self.aims] for trial in self.trials])
        beaten = [((points >= own).all(axis=1) & (points > own).any(axis=1)).any() for own in points]
        kept = [not bool(lost) and float(own.min()) > _WORST for own, lost in zip(points, beaten, strict=True)]
        return self.frame.filter(pl.Series(kept))

    def _plateaus(self) -> Floats:
        """Return the mean Sharpe ratio of the trials within a tenth of every axis, as a share of each one's own."""
        axes = self.study.axes
        places = {name: {value: i / max(len(values) - 1, 1) for i, value in enumerate(values)} for name, values in axes.items()}
        at = np.array([[places[name][trial.values[name]] for name in axes] for trial in self.trials])
        ratios = np.array([trial.figures.sharpe or 0.0 for trial in self.trials])
        out = np.full(len(at), np.nan)
        for i, own in enumerate(ratios):
            near = (np.abs(at - at[i]) <= _NEAR).all(axis=1)
            near[i] = False
            if own > 0 and near.any():
                out[i] = ratios[near].mean() / own
        return out

    def __repr__(self) -> str:
        return f"{super().__repr__()} (by {self.sampler} for {' and '.join(self.aims)})"
