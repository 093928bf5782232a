"""The configuration: what the next session goes by, edited, compared, saved under names, and chosen."""

from collections.abc import Mapping
from typing import ClassVar, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.domain.presets import PRESETS, with_preset
from workbench.errors import Refused
from workbench.settings import read_zone_name, zone_names
from workbench.store import reads
from workbench.store.rows import ConfigurationRow
from workbench.web.blocks import STATE
from workbench.web.bot import Said
from workbench.web.configuring import YES, ConfigurationForm, Review, form_of, read_terms, review
from workbench.web.page import ROOT, Asking, Block, Page, Query, View
from workbench.web.zone import zone_key, zone_problem

PATH: Final = f"{ROOT}/configuration/"
KINDS: Final = frozenset({"ConfigurationSaved", "ConfigurationActivated", "ConfigurationDeleted", "PaperTradingConfigSaved"})
SAID: Final = {
    "saved": Said("Saved, and active from the next session on."),
    "applied": Said("Saved and active; the running session takes it before its next bar."),
    "same": Said("Nothing differs from what is saved; it is active."),
    "chosen": Said("Chosen; the next session goes by it."),
    "deleted": Said("Deleted."),
    "zone": Said("Pages show times in this zone from now on; what programs are told and what is downloaded stays in UTC."),
}


class ConfigurationQuery(Query, frozen=True):
    """What an address asks of the configuration: which one is loaded, and with which preset."""

    passing: ClassVar[frozenset[str]] = frozenset({"load", "mode", "strategy", "said"})

    load: str = ""
    mode: Literal["", "CONSERVATIVE", "MODERATE", "AGGRESSIVE"] = ""
    strategy: str = ""
    said: Literal["", "saved", "applied", "same", "chosen", "deleted", "zone"] = ""


class SavedView(msgspec.Struct, frozen=True):
    """The saved configurations: the newest version of each, and how many are kept."""

    rows: tuple[ConfigurationRow, ...]
    whose: str
    now: int
    said: Said | None = None

    @property
    def is_last(self) -> bool:
        """Whether there is but one, which stays."""
        return len(self.rows) == 1


class FormView(msgspec.Struct, frozen=True):
    """The form, what it would change, and whether a session runs that could take it at once, and is to."""

    form: ConfigurationForm
    review: Review
    loaded: str
    mode: str
    whose: str
    is_running: bool
    said: Said | None = None
    applies_now: bool = False


class DisplayView(msgspec.Struct, frozen=True):
    """The time zone in which pages show times.

    Parameters
    ----------
    zone
        As it is chosen, or as it was typed.
    fixed
        The zone that the environment names, which cannot be changed here; empty where it names none.
    """

    zone: str
    now: int
    fixed: str
    names: tuple[str, ...]
    whose: str
    problem: str = ""
    said: Said | None = None


class ConfigurationView(View, frozen=True, kw_only=True):
    """What `configuration.html` gets."""

    saved: SavedView | UnsetType = UNSET
    form: FormView | UnsetType = UNSET
    display: DisplayView | UnsetType = UNSET


def look_at_display(_: Connection, asking: Asking) -> DisplayView:
    """Return the time zone in which pages show times."""
    said = SAID["zone"] if asking.query.said == "zone" else None
    if zone_problem():
        said = Said(zone_problem(), is_bad=True)
    return DisplayView(zone_key(), asking.now, read_zone_name(), zone_names(), asking.query.whose, said=said)


def look_at_saved(connection: Connection, asking: Asking) -> SavedView:
    """Return the saved configurations."""
    rows = reads.configurations(connection, asking.account)
    rows.sort(key=lambda row: (not row.is_active, -row.saved))
    said = SAID[asking.query.said] if asking.query.said in ("chosen", "deleted") else None
    return SavedView(tuple(rows), asking.query.whose, asking.now, said)


def look_at_form(connection: Connection, asking: Asking) -> FormView:
    """Return the form with the active configuration, the one that is asked for, or a preset over it."""
    values = {"strategy": asking.query.strategy} if asking.query.strategy else {}
    said = SAID[asking.query.said] if asking.query.said in ("saved", "applied", "same") else None
    return form_view(connection, asking, values, None, said)


def form_view(
    connection: Connection, asking: Asking, values: Mapping[str, str], problem: Refused | None, said: Said | None = None
) -> FormView:
    """Return the form with what was typed into it, and what was wrong with that."""
    query: ConfigurationQuery = asking.query
    terms = reads.terms(connection, asking.account)
    shown = terms
    if query.load:
        chosen = reads.configuration_version(connection, asking.account, query.load).configuration
        shown = msgspec.structs.replace(terms, configuration=chosen)
    if query.mode:
        shown = msgspec.structs.replace(shown, configuration=with_preset(shown.configuration, query.mode))
    equity = reads.account_row(connection, asking.account).equity
    going = reads.active_session(connection, asking.account)
    if problem is not None:
        found = Review((), (), str(problem))
    else:
        try:
            found = review(terms, read_terms(values, shown), equity)
        except Refused as refused:
            problem, found = refused, Review((), (), str(refused))
    form = form_of(shown, values, problem)
    applies_now = values.get("apply_now") == YES
    return FormView(form, found, query.load, query.mode, query.whose, going is not None, said, applies_now)


FORM: Final = Block("form", frozenset(), look_at_form)
DISPLAY: Final = Block("display", frozenset(), look_at_display)
SAVED: Final = Block("saved", KINDS, look_at_saved)
REVIEW: Final = Block("review", frozenset(), look_at_form, field="form")
MODES: Final = tuple(PRESETS)
PAGE: Final = Page(
    name="configuration",
    title="Configuration",
    path=PATH,
    icon="M2 5h7M12 5h2M2 11h2M7 11h7M9 3v4M4 9v4",
    view=ConfigurationView,
    query=ConfigurationQuery,
    blocks=(STATE, SAVED, FORM, DISPLAY),
    inner=(REVIEW,),
)
