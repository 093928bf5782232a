"""What several commands share: a group that speaks in sentences, and options."""

from collections.abc import Callable
from typing import Any

import click

from workbench.domain.config import StrategyConfiguration
from workbench.domain.costs import MODELS, ExchangeCosts, PaperTradingConfig, PoolCosts
from workbench.domain.params import param_fields
from workbench.domain.presets import PRESETS
from workbench.errors import Invalid, NotFound, Refused, WorkbenchError


class Words(click.Group):
    """A group of commands that names the nearest one when a word is wrong, and prints an error as its sentence."""

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or say which one was meant."""
        if args and not args[0].startswith("-") and self.get_command(context, args[0]) is None:
            raise click.UsageError(str(NotFound("command", args[0], self.list_commands(context))), context)
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Run it; a refusal is a sentence and exit code 2, anything that is ours is exit code 1."""
        try:
            return super().invoke(context)
        except WorkbenchError as problem:
            click.echo(f"workbench: {problem}", err=True)
            context.exit(2 if isinstance(problem, Refused) else 1)


home_option = click.option("--home", metavar="FOLDER", help="Data folder; WORKBENCH_HOME or the platform's own place without it.")


account_option = click.option("--account", metavar="NAME", help="An account's name or id; the default one without it.")


def account_of(desk: Any, name: str | None) -> str:
    """Return the id of the account that is meant."""
    from workbench.actions.open_account import default_account
    from workbench.store import reads

    default = default_account(desk)
    if name is None:
        return default
    with desk.store.read() as connection:
        return reads.find_account(connection, name)


def rule_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option for every field of the configuration, the cost models and the paper trading config."""
    structs = (StrategyConfiguration, PoolCosts, ExchangeCosts, PaperTradingConfig)
    fields = {field.name: field for struct in structs for field in param_fields(struct)}
    for field in reversed(fields.values()):
        unit = f", {field.param.unit}" if field.param.unit else ""
        text = f"{field.label}{unit}. {field.param.help}"
        command = click.option(f"--{field.name.replace('_', '-')}", field.name, metavar="N", help=text)(command)
    switches = {
        "simulate_network_issues": "Let trades fail at the failure rate.",
        "simulate_mev": "Let swaps be sandwiched.",
        "enable_dca": "Let DCA make an entry where the trend is up.",
        "enable_grid": "Let a grid make it where the market swings without a trend.",
        "enable_twap": "Let TWAP make a large one in a shallow pool.",
        "enable_vwap": "Let VWAP make a large one.",
    }
    for name, text in switches.items():
        flag = name.replace("_", "-")
        command = click.option(f"--{flag}/--no-{flag}", name, default=None, help=text)(command)
    command = click.option("--seed", default=1, show_default=True, help="For whatever is drawn.")(command)
    for name, text in (("allowed_tokens", "Trade these only, separated by commas."), ("blocked_tokens", "Never trade these.")):
        command = click.option(f"--{name.replace('_', '-')}", name, metavar="A,B", help=text)(command)
    modes = click.Choice(list(PRESETS), case_sensitive=False)
    command = click.option("--trading-mode", type=modes, help="A preset of the rules; single options change it.")(command)
    models = click.Choice(list(MODELS))
    command = click.option("--costs", type=models, help="The cost model: an exchange, or a pool on a chain.")(command)
    choices = {"sizing": ["percent", "fixed", "volatility", "kelly"], "on_hole": ["raise", "skip", "mark"]}
    for name, values in choices.items():
        text = {"sizing": "How an entry is sized.", "on_hole": "What to do where bars are missing."}[name]
        command = click.option(f"--{name.replace('_', '-')}", name, type=click.Choice(values), help=text)(command)
    return command


def strategy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a strategy, its parameters, its bars and its cash."""
    for option in (
        click.option("--timeframe", help="Length of a bar, such as 1h; found from the file where not given."),
        click.option("--symbol", help="What the file holds, such as BTC/USDT."),
        click.option("--cash", default="10000", show_default=True, metavar="N", help="To begin with."),
        click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the strategy; repeatable."),
        click.option("--strategy", help="A name from `workbench strategies`, a strategy or a program; sma_cross without it."),
    ):
        command = option(command)
    return command


def read_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """Return `--set` options as names and values.

    Raises
    ------
    Invalid
        If one is not NAME=VALUE, or a name is there twice.
    """
    read = {}
    for given in settings:
        name, equals, value = given.partition("=")
        if not (name and equals and value):
            raise Invalid("--set", "NAME=VALUE, such as fast=20", given)
        if name.strip() in read:
            raise Invalid("--set", "each name once", f"{name.strip()} a second time")
        read[name.strip()] = value.strip()
    return read


def given_rules(options: dict[str, Any]) -> dict[str, Any]:
    """Return the rule and cost options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def bars_of(path: str | None, symbol: str | None, timeframe: str | None, count: int) -> Any:
    """Return the bars of a file, or so many simulated ones where none is named."""
    from workbench.sources.candle_file import read_bars
    from workbench.sources.simulated import simulate_bars

    return read_bars(path, symbol, timeframe) if path else simulate_bars(symbol or "WETH", timeframe or "1h", count)
