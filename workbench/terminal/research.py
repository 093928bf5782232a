"""`workbench sweep` and `workbench check`: many trials with what luck makes of them, and whether a strategy looks ahead."""

import json
from typing import Any

import click

from workbench.errors import Invalid
from workbench.terminal.options import bars_of, given_rules, home_option, read_settings, rule_options, strategy_options

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
@click.option("--search", "trials", type=click.IntRange(1), help="So many trials, drawn by what earlier ones gave, instead of all.")
@click.option("--sampler", type=click.Choice(["tpe", "cma-es", "nsga-ii"]), help="By which a search draws.")
@click.option("--by", default="sharpe", show_default=True, help="The column by which rows are sorted.")
@click.option("--top", default=10, show_default=True, help="How many rows are printed.")
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
    by: str,
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
    from workbench.research.sweep import Sweep
    from workbench.strategies import make_strategy, parameters_of

    axes = dict(read_axis(given) for given in tried)
    chosen = make_strategy(strategy or "sma_cross", read_settings(settings))
    fixed: dict[str, Any] = {name: value for name, value in parameters_of(chosen).items() if name not in axes}
    bars = bars_of(path, symbol, timeframe, count)
    rules = {name: value for name, value in given_rules(options).items() if name not in axes}
    common: dict[str, Any] = {"progress": not as_json, "cash": cash, "seed": seed, **rules, **axes}
    with open_desk(home) as desk:
        if trials is not None:
            given: dict[str, Any] = {name: fixed[name] for name in read_settings(settings) if name in fixed}
            swept: Sweep = run_search(type(chosen), bars, desk=desk, trials=trials, sampler=sampler, **given, **common)
        else:
            swept = run_sweep(type(chosen), bars, desk=desk, **fixed, **common)
    best = swept.best(by)
    rows = swept.frame.sort(by, descending=True, nulls_last=True, maintain_order=True)
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
    if ":" in values:
        try:
            parts = [int(part) for part in values.split(":")]
            return name.strip(), range(*parts)
        except (ValueError, TypeError):
            raise Invalid(name.strip(), "a range of whole numbers such as 5:25 or 30:221:10", values) from None
    return name.strip(), [value.strip() for value in values.split(",") if value.strip()]


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value}"
