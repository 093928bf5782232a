"""`workbench config`: saved configurations, and how real the simulation is."""

from typing import Any

import click

from workbench.errors import Invalid
from workbench.terminal.options import Words, account_of, account_option, given_rules, home_option, read_settings, rule_options


@click.group(cls=Words)
def config() -> None:
    """Save, choose and compare strategy configurations, and say how real the simulation is."""


@config.command(name="list")
@account_option
@home_option
def list_configurations(account: str | None, home: str | None) -> None:
    """List the saved configurations; the active one has a star."""
    from workbench.desk import open_desk
    from workbench.store import reads

    with open_desk(home) as desk:
        chosen = account_of(desk, account)
        with desk.store.read() as connection:
            rows = reads.configurations(connection, chosen)
    for row in rows:
        star = "*" if row.is_active else " "
        click.echo(f"{star} {row.name:<24} version {row.version:<4}{row.mode:<14}{row.configuration.strategy}")


@config.command()
@click.argument("name")
@click.option("--strategy", help="A name from `workbench strategies`; that of the active one without it.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter of the strategy; repeatable.")
@account_option
@home_option
@rule_options
def save(
    name: str, strategy: str | None, settings: tuple[str, ...], account: str | None, home: str | None, seed: int, **options: Any
) -> None:
    """Save the active configuration, with the options changed, as NAME, and make it the active one.

    Options of the simulation's realism are saved beside it. Costs belong to a session, not to a configuration.
    """
    from workbench.actions.save_configuration import save_configuration
    from workbench.actions.save_paper_trading_config import save_paper_trading_config
    from workbench.desk import open_desk
    from workbench.domain.presets import changes_between
    from workbench.domain.terms import COSTS
    from workbench.store import reads
    from workbench.strategies import make_strategy, parameters_of

    given = given_rules(options)
    for option in ("costs", *COSTS):
        if option in given:
            raise Invalid(f"--{option.replace('_', '-')}", "no option of costs, for they belong to a session", given[option])
    with open_desk(home) as desk:
        chosen = account_of(desk, account)
        with desk.store.read() as connection:
            before = reads.terms(connection, chosen)
        wanted: dict[str, Any] = {"name": name, "strategy": strategy or before.configuration.strategy}
        if settings or strategy:
            kept = {} if strategy else before.configuration.parameters
            wanted["parameters"] = parameters_of(make_strategy(wanted["strategy"], {**kept, **read_settings(settings)}))
        after = before.renamed({**given, **wanted})
        row = save_configuration(desk, chosen, after.configuration)
        realism = save_paper_trading_config(desk, chosen, after.realism)
    for change in (*changes_between(before.configuration, row.configuration), *changes_between(before.realism, realism)):
        click.echo(f"  {change}")
    click.echo(f"{row.name} is saved as version {row.version} and active.")


@config.command()
@click.argument("name")
@click.option("--now", is_flag=True, help="Bring it to the running session too, from its next bar on.")
@account_option
@home_option
def use(name: str, now: bool, account: str | None, home: str | None) -> None:
    """Make the configuration NAME, or a version of it such as NAME@2, the active one."""
    from workbench.actions.activate_configuration import activate_configuration
    from workbench.actions.send_command import send_command
    from workbench.desk import open_desk
    from workbench.domain.commands import ChangeConfiguration
    from workbench.store import reads

    with open_desk(home) as desk:
        chosen = account_of(desk, account)
        with desk.store.read() as connection:
            version = reads.configuration_version(connection, chosen, name)
            going = reads.active_session(connection, chosen)
        row = activate_configuration(desk, chosen, version.name, version.version)
        click.echo(f"{row.name}, version {row.version}, is active.")
        if now and going is not None:
            send_command(desk, going.id, ChangeConfiguration(row.configuration), by="command line")
            click.echo(f"Session {going.id[:8]} goes by it from its next bar on.")


@config.command()
@click.argument("before")
@click.argument("after")
@account_option
@home_option
def compare(before: str, after: str, account: str | None, home: str | None) -> None:
    """Say what differs between two configurations, or versions such as Default@1 and Default@2."""
    from workbench.desk import open_desk
    from workbench.domain.presets import changes_between
    from workbench.store import reads

    with open_desk(home) as desk:
        chosen = account_of(desk, account)
        with desk.store.read() as connection:
            first, second = (reads.configuration_version(connection, chosen, name) for name in (before, after))
    changes = changes_between(first.configuration, second.configuration)
    for change in changes:
        click.echo(str(change))
    if not changes:
        click.echo("Nothing differs.")


@config.command()
@click.argument("name")
@account_option
@home_option
def delete(name: str, account: str | None, home: str | None) -> None:
    """Delete every version of the configuration NAME, but never the last configuration."""
    from workbench.actions.delete_configuration import delete_configuration
    from workbench.desk import open_desk

    with open_desk(home) as desk:
        row = delete_configuration(desk, account_of(desk, account), name)
    click.echo(f"{name} was deleted; {row.name} is active.")
