"""The words of research: many trials with what luck makes of them, whether it would have lasted, and whether one looks ahead."""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from workbench.domain.params import param_fields
from workbench.domain.sweeps import MOST_DRAWN, read_values
from workbench.domain.terms import OPTIONS
from workbench.errors import Invalid, NotFound, Refused
from workbench.terminal.options import bars_of, given_rules, home_option, read_settings, rule_options, strategy_options

if TYPE_CHECKING:
    from workbench.domain.sweeps import SweepRequest
    from workbench.engine.series import BarSeries
    from workbench.engine.strategy import SignalStrategy

_SINGLE = ("cash", "seed", "symbol", "timeframe")
_FALLS = {
    "trades": "closed round trips, from one closing to the next; --kind bars has the account's at every close, which is deeper",
    "bars": "the account at every close, with what is open; --kind trades has that of closed round trips only",
    "parameters": "the account at every close, with what is open",
}
"""Of what a kind of runs takes the drawdown."""
_SHOWN = ("return_pct", "sharpe", "dsr", "max_drawdown_pct", "trades", "sharpe_out", "plateau")


@click.command()
@strategy_options
@click.option("--bars", "path", metavar="FILE", help="Candles as csv, csv.gz, parquet or feather; simulated where not given.")
@click.option("--count", default=5000, show_default=True, help="How many simulated bars.")
@click.option(
    "--try",
    "tried",
    multiple=True,
    metavar="NAME=VALUES",
    help="What to try of a parameter, rule or cost: `fast=5:25`, `slow=30:221:10` or `stop_loss_pct=1,2,4`; again for more.",
)
@click.option(
    "--search",
    "trials",
    type=click.IntRange(1, MOST_DRAWN),
    help="So many trials, drawn by what earlier ones gave, instead of all.",
)
@click.option("--sampler", type=click.Choice(["tpe", "cma-es", "nsga-ii"]), help="By which a search draws.")
@click.option("--executor", metavar="TCP://…", help="A Dask scheduler whose workers run the trials.")
@click.option("--background", is_flag=True, help="Let the worker run it: `workbench sweeps` tells how far it is.")
@click.option("--by", help="The column by which rows are sorted; what a search is for, and sharpe of a sweep, without it.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many rows are printed.")
@click.option("--json", "as_json", is_flag=True, help="Print every row as JSON.")
@home_option
@rule_options
def sweep(
    strategy: str | None,
    settings: tuple[str, ...],
    path: str | None,
    count: int,
    tried: tuple[str, ...],
    trials: int | None,
    sampler: str | None,
    executor: str | None,
    background: bool,
    by: str | None,
    top: int,
    as_json: bool,
    symbol: str | None,
    timeframe: str | None,
    cash: str,
    seed: int,
    home: str | None,
    **options: Any,
) -> None:
    """Try every combination of values and print the best, with what luck makes of them.

    With `--search` trials are drawn by what earlier ones gave; parameters that are neither tried nor set are searched within their
    own bounds.

    Every trial is stored and counted, so the deflated Sharpe ratio knows how many there ever were.
    """
    from workbench.actions.run_search import run_search
    from workbench.actions.run_sweep import run_sweep
    from workbench.desk import open_desk
    from workbench.research.search import AIM
    from workbench.research.sweep import LUCK, SHOWN, Sweep

    if sampler is not None and trials is None:
        raise Invalid("--sampler", "--search beside it, for nothing is drawn without", sampler)
    chosen, fixed, given_axes = _asked(strategy, settings, tried, options)
    if trials is None:
        _require_tried(tried)
    if background and (by is not None or top != 10):
        raise Invalid("--background", "neither --by nor --top, for nothing is printed", f"--by {by} --top {top}")
    by = by or ("sharpe" if trials is None else AIM)
    _check_by(by, (*given_axes, *fixed, *SHOWN, *LUCK))
    bars = bars_of(path, symbol, timeframe, count)
    if background and executor is not None:
        raise Invalid("--background", "the worker's own processor, without --executor", executor)
    if background:
        own = {name: fixed[name] for name in read_settings(settings) if name in fixed} if trials is not None else fixed
        request = _request(strategy or "sma_cross", {**own, **given_axes}, symbol, timeframe, count, trials, sampler, cash, seed)
        _ask_worker(home, request, bars if path else None, as_json)
        return
    common: dict[str, Any] = {"progress": not as_json, "cash": cash, "seed": seed, "executor": executor, **given_axes}
    with open_desk(home) as desk:
        if trials is not None:
            given: dict[str, Any] = {name: fixed[name] for name in read_settings(settings) if name in fixed}
            swept: Sweep = run_search(chosen, bars, desk=desk, trials=trials, sampler=sampler, **given, **common)
        else:
            swept = run_sweep(chosen, bars, desk=desk, **fixed, **common)
    best = swept.best(by)
    rows = swept.ordered(by)
    if as_json:
        chance = None if swept.overfitting is None else swept.overfitting.probability
        about = {"trials_ever": swept.luck.trials, "effective_trials": swept.luck.effective, "overfitting": chance}
        click.echo(json.dumps({"best": best, "rows": rows.to_dicts(), "findings": swept.findings, **about}, indent=2, default=str))
        return
    click.echo(repr(swept) + "\n")
    names = [*swept.study.axes, *_SHOWN]
    click.echo("".join(f"{name:>18}" for name in names))
    for row in rows.head(top).iter_rows(named=True):
        click.echo("".join(f"{_number(row[name]):>18}" for name in names))
    if swept.overfitting is not None:
        click.echo(f"\n{str(swept.overfitting).capitalize()}; {swept.luck.trials:,} trials were ever run of this strategy here.")
    for sentence in swept.findings:
        click.echo(f"! {sentence}")


def _request(
    strategy: str, values: dict[str, Any], symbol: str | None, timeframe: str | None, count: int, trials: int | None,
    sampler: str | None, cash: str, seed: int,
) -> "SweepRequest":  # fmt: skip
    """Return what is asked of the worker, in plain values."""
    from workbench.domain.sweeps import SweepRequest

    listed = {name: tuple(given) if isinstance(given, list | range) else (given,) for name, given in values.items()}
    plain = {
        name: tuple(value if isinstance(value, str | int | float) else str(value) for value in given)
        for name, given in listed.items()
    }
    return SweepRequest(strategy, plain, "", symbol or "WETH", timeframe or "1h", count, trials, sampler, cash, seed)


def _ask_worker(home: str | None, request: "SweepRequest", bars: "BarSeries | None", as_json: bool) -> None:
    """Write the request down, with the bars of a file as a dataset, and say where to look."""
    import msgspec
    from msgspec.structs import replace

    from workbench.actions.import_dataset import import_dataset
    from workbench.actions.request_sweep import request_sweep
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        if bars is not None:
            request = replace(request, dataset=import_dataset(desk, bars).id)
        row = request_sweep(desk, request)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(row), indent=2).decode())
        return
    click.echo(f"Sweep {row.id[:8]} waits for the worker of `workbench up`. How far it is: workbench sweeps")


@click.command()
@click.option("--cancel", metavar="ID", help="Let this one end; its trials stay.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@home_option
def sweeps(cancel: str | None, as_json: bool, home: str | None) -> None:
    """List the sweeps that a worker was asked for, and how far they are."""
    import msgspec

    from workbench.actions.request_sweep import cancel_sweep
    from workbench.desk import open_desk
    from workbench.store.sweep_runs import list_sweep_runs

    with open_desk(home) as desk:
        if cancel is not None:
            row = cancel_sweep(desk, cancel)
            click.echo(f"Sweep {row.id[:8]} is {row.status}.")
            return
        with desk.store.read() as connection:
            rows = list_sweep_runs(connection)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    if not rows:
        click.echo("No sweep was asked for. `workbench sweep --background` asks for one.")
    for row in rows:
        axes = ", ".join(f"{name} {len(values)}" for name, values in row.request.values.items() if len(values) > 1)
        told = row.problem or (f"{row.done:,} of {row.total:,} trials" if row.total else "")
        if row.outcome is not None:
            best = ", ".join(f"{name}={value}" for name, value in row.outcome.values.items())
            judged = f"return {row.outcome.return_pct:.2f} %, deflated Sharpe {_number(row.outcome.dsr)}"
            told = f"{row.done:,} trials, best {best}: {judged}"
        what = f"{row.request.strategy} on {row.request.symbol} {row.request.timeframe}"
        click.echo(f"{row.id[:8]}  {row.status.lower():<10}  {what:<32}  {axes or 'its own bounds':<24}  {told}")


@click.command(name="run-sweep", hidden=True)
@click.argument("run")
@home_option
@click.option("--parent", type=int, help="End when this process does.")
def run_requested(run: str, home: str | None, parent: int | None) -> None:
    """Run a sweep that was asked for; the worker does it for you."""
    from workbench.actions.run_requested_sweep import ELSEWHERE, NICENESS, run_requested_sweep
    from workbench.desk import open_desk
    from workbench.errors import Conflict

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with open_desk(home) as desk:
        try:
            run_requested_sweep(desk, run)
        except Conflict as problem:
            click.echo(f"workbench: {problem}", err=True)
            raise click.exceptions.Exit(ELSEWHERE) from problem


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone; what is stored by then stays."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _asked(
    strategy: str | None, settings: tuple[str, ...], tried: tuple[str, ...], options: dict[str, Any]
) -> "tuple[type[SignalStrategy], dict[str, Any], dict[str, Any]]":
    """Return the strategy's class, its fixed parameters, and the rules and axes that were given."""
    from workbench.strategies import make_strategy, name_of, parameters_of

    named, rules = read_settings(settings), given_rules(options)
    chosen = make_strategy(strategy or "sma_cross")
    own = chosen.__struct_fields__
    axes: dict[str, Any] = {}
    for given in tried:
        name, tries = read_axis(given)
        if name in _SINGLE:
            raise Invalid("--try", f"a parameter, a rule or a cost; --{name} takes one value", given)
        if name not in own and name not in OPTIONS:
            raise NotFound(f"parameter of {name_of(chosen)} or option", name, (*own, *OPTIONS), field=name)
        if name in axes or name in named or name in rules:
            raise Invalid("--try", "each name once, with all its values or with one", f"{name} a second time")
        axes[name] = tries
    for name in named:
        if name not in own:
            raise NotFound(f"parameter of {name_of(chosen)}", name, own, field=name)
    # Whether they go together is asked once it is known with what: a default may not go with what is tried.
    values = {**parameters_of(chosen), **read_parameters(type(chosen), named)}
    return type(chosen), {name: value for name, value in values.items() if name not in axes}, {**rules, **axes}


def _require_tried(tried: tuple[str, ...]) -> None:
    if not tried:
        raise Refused("There is nothing to try: expected at least one --try with several values, such as --try fast=5:25.")


def _check_by(by: str, known: Sequence[str]) -> None:
    if by not in known:
        raise Invalid("--by", "one of " + ", ".join(known), by)


def _validation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what a sweep has too: strategy, bars, axes, home, rules, and JSON."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print every row as JSON."),
        click.option("--try", "tried", multiple=True, metavar="NAME=VALUES", help="As for `workbench sweep`."),
        click.option("--count", default=5000, show_default=True, help="How many simulated bars."),
        click.option("--bars", "path", metavar="FILE", help="Candles in a file; simulated where not given."),
    ):
        command = option(command)
    return strategy_options(home_option(rule_options(command)))


def _tell(found: Any, frame: Any, as_json: bool, **more: Any) -> None:
    """Print what came of a validation: the headline, its table, and what to know before it is believed."""
    if as_json:
        click.echo(json.dumps({"rows": frame.to_dicts(), "findings": found.findings, **more}, indent=2, default=str))
        return
    click.echo(repr(found) + "\n")
    click.echo("".join(f"{name:>18}" for name in frame.columns))
    for row in frame.iter_rows():
        click.echo("".join(f"{_number(value):>18}" for value in row))
    for sentence in found.findings:
        click.echo(f"! {sentence}")


@click.command(name="walk-forward")
@_validation_options
@click.option("--folds", default=5, show_default=True, help="How many test windows.")
@click.option("--train", default=2.0, show_default=True, help="How many times as long a training window is.")
@click.option("--anchored", is_flag=True, help="Let training begin with the first bar each time.")
@click.option("--by", default="sharpe", show_default=True, help="The figure by which parameters are chosen.")
def walk_forward(
    strategy: str | None, settings: tuple[str, ...], path: str | None, count: int, tried: tuple[str, ...], symbol: str | None,
    timeframe: str | None, cash: str, seed: int, home: str | None, as_json: bool, folds: int, train: float, anchored: bool, by: str,
    **options: Any,
) -> None:  # fmt: skip
    """Choose on one window of time, trade the next, and go on so to the end."""
    from workbench.actions.run_walk_forward import run_walk_forward
    from workbench.desk import open_desk
    from workbench.research.sweep import SHOWN

    chosen, fixed, given = _asked(strategy, settings, tried, options)
    _require_tried(tried)
    _check_by(by, SHOWN)
    with open_desk(home) as desk:
        found = run_walk_forward(
            chosen, bars_of(path, symbol, timeframe, count), folds=folds, train=train, anchored=anchored, by=by, desk=desk,
            progress=not as_json, **{"cash": cash, "seed": seed, **fixed, **given},
        )  # fmt: skip
    shown = ["test_from", *found.study.axes, "sharpe_train", "sharpe_test", "return_test_pct", "trades_test"]
    _tell(found, found.frame if as_json else found.frame.select(shown), as_json, digest=found.result.digest)


@click.command(name="cross-validate")
@_validation_options
@click.option("--groups", default=6, show_default=True, help="Into how many groups the days are cut.")
@click.option("--tested", default=1, show_default=True, help="How many are tested at a time; 1 is K-fold, more is combinatorial.")
@click.option("--purge", type=int, help="Days left out beside a tested group; as many as the longest lookback takes without it.")
@click.option("--embargo", default=0.01, show_default=True, help="Days left out beyond those, as a share of all.")
def cross_validate(
    strategy: str | None, settings: tuple[str, ...], path: str | None, count: int, tried: tuple[str, ...], symbol: str | None,
    timeframe: str | None, cash: str, seed: int, home: str | None, as_json: bool, groups: int, tested: int, purge: int | None,
    embargo: float, **options: Any,
) -> None:  # fmt: skip
    """Choose on some groups of days and judge on the others: purged K-fold, or combinatorial."""
    from workbench.actions.run_cross_validation import run_cross_validation
    from workbench.desk import open_desk

    chosen, fixed, given = _asked(strategy, settings, tried, options)
    _require_tried(tried)
    with open_desk(home) as desk:
        found = run_cross_validation(
            chosen, bars_of(path, symbol, timeframe, count), groups=groups, tested=tested, purge=purge, embargo=embargo, desk=desk,
            progress=not as_json, **{"cash": cash, "seed": seed, **fixed, **given},
        )  # fmt: skip
    _tell(found, found.frame, as_json, paths=found.paths.to_dicts())


@click.command(name="monte-carlo")
@_validation_options
@click.option(
    "--kind",
    type=click.Choice(["trades", "bars", "parameters", "entries"]),
    default="trades",
    show_default=True,
    help="Trades in another order, bars drawn anew, parameters a little off, or random entries with the same exposure.",
)
@click.option("--runs", default=1000, show_default=True, help="How many.")
def monte_carlo(
    strategy: str | None, settings: tuple[str, ...], path: str | None, count: int, tried: tuple[str, ...], symbol: str | None,
    timeframe: str | None, cash: str, seed: int, home: str | None, as_json: bool, kind: str, runs: int, **options: Any,
) -> None:  # fmt: skip
    """Tell what else could have come of a backtest."""
    from workbench.actions.run_monte_carlo import run_monte_carlo
    from workbench.desk import open_desk
    from workbench.research.backtest import backtest
    from workbench.research.significance import significance

    if tried:
        raise Invalid("--try", "single values, by --set and the rules' own options", tried[0])
    chosen, fixed, given = _asked(strategy, settings, tried, options)
    bars = bars_of(path, symbol, timeframe, count)
    result = backtest(chosen(**read_parameters(chosen, fixed)), bars, cash=cash, seed=seed, **given)
    if kind == "entries":
        entries = significance(result, runs, seed)
        _tell(entries, entries.frame.select("return_pct", "sharpe", "max_drawdown_pct").describe(), as_json, p=entries.p_value())
        return
    with open_desk(home) as desk:
        wanted: Any = kind
        found = run_monte_carlo(result, wanted, runs=runs, seed=seed, desk=desk, progress=not as_json)
    _tell(found, found.frame if as_json else found.quantiles, as_json, max_drawdown_of=_FALLS[kind])
    if not as_json:
        click.echo(f"\nmax_drawdown_pct is that of {_FALLS[kind]}.")


def read_parameters(kind: "type[SignalStrategy]", values: dict[str, Any]) -> dict[str, Any]:
    """Return parameters that a class takes, in their own types."""
    own = {field.name: field for field in param_fields(kind)}
    return {name: own[name].check(value) if name in own else value for name, value in values.items()}


@click.command()
@strategy_options
@click.option("--bars", "path", metavar="FILE", help="Candles as csv, csv.gz, parquet or feather; simulated where not given.")
@click.option("--count", default=9000, show_default=True, help="How many simulated bars.")
def check(
    strategy: str | None,
    settings: tuple[str, ...],
    path: str | None,
    count: int,
    symbol: str | None,
    timeframe: str | None,
    **_: Any,
) -> None:
    """Tell whether a strategy looks ahead or remembers more than its window; the exit code is 1 where it does."""
    from workbench.research.causality import check as look
    from workbench.strategies import make_strategy

    found = look(make_strategy(strategy or "sma_cross", read_settings(settings)), bars_of(path, symbol, timeframe, count))
    click.echo(str(found))
    if not found.ok:
        raise click.exceptions.Exit(1)


def read_axis(given: str) -> tuple[str, list[str] | range]:
    """Return what `--try fast=5:25` or `--try stop_loss_pct=1,2,4` asks for.

    A range is written as Python writes it: from, to (left out), step.

    Raises
    ------
    Invalid
        If it is not written so.

    Examples
    --------
    >>> read_axis("slow=30:51:10"), read_axis("width=1.5,2")
    (('slow', range(30, 51, 10)), ('width', ['1.5', '2']))
    """
    name, equals, values = given.partition("=")
    if not (name.strip() and equals and values.strip()):
        raise Invalid("try", "a name and values, such as 'fast=5:25' or 'stop_loss_pct=1,2,4'", given)
    return name.strip(), read_values(name.strip(), values)


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value}"
