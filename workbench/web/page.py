"""What a page is: a template, a frozen view, and blocks that can each be drawn alone by the same code.

A block says how it looks at the store and which events make it dirty. Pages, single blocks and the live feed are all made
from that.
"""

from collections.abc import Callable, Mapping, Sequence
from secrets import token_urlsafe
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from workbench.actions.open_account import DEFAULT_ACCOUNT, default_account
from workbench.desk import Desk
from workbench.domain.events import KINDS
from workbench.errors import NotFound
from workbench.store import reads
from workbench.store.rows import AccountRow
from workbench.store.standing import standing
from workbench.web import render
from workbench.web.misread import misread

ROOT: Final = "/paper-trading"
OWNERS: Final = 20
"""Accounts that can be chosen at the head of a page."""
PRICES_CHANGED: Final = "PricesChanged"
"""Prices that arrive are no event of the log; this is the name by which a block asks to hear of them."""
SESSION_KINDS: Final = frozenset({*(kind for kind in KINDS if kind.startswith("Session")), "StopRequested", "ConfigurationChanged"})
COMMAND_KINDS: Final = frozenset({"CommandReceived", "CommandRefused"})
PROGRAM_KINDS: Final = frozenset(kind for kind in KINDS if kind.startswith("Program"))
CASH_KINDS: Final = frozenset({"AccountOpened", "Deposited", "Withdrawn", "PositionsRevalued"})


RowId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A row's number, as an address names it."""


class Query(msgspec.Struct, frozen=True):
    """What an address asks of a page, such as filters; a page with questions of its own derives from it.

    Attributes
    ----------
    passing
        The names that matter to one drawing only, and neither to the links on the page nor to its feed.

    Parameters
    ----------
    account
        Whose page it is: an account's id or name; the default one's where empty.
    """

    passing: ClassVar[frozenset[str]] = frozenset()

    account: str = ""

    def kept(self) -> dict[str, str | tuple[str, ...]]:
        """Return what differs from the defaults, as an address writes it; what is several stands there as often."""
        return {
            info.encode_name: value if isinstance(value, tuple) else str(value)
            for info in msgspec.structs.fields(type(self))
            if info.name not in self.passing and (value := getattr(self, info.name)) != info.default and value is not None
        }

    @property
    def whose(self) -> str:
        """What an address says of the account that is looked at; nothing of the default one."""
        return urlencode({"account": self.account}) if self.account else ""

    def address(self, path: str, **changes: object) -> str:
        """Return the address of a path that asks the same, with some answers changed."""
        changed = msgspec.structs.replace(self, **changes).kept()
        return f"{path}?{urlencode(changed, doseq=True)}" if changed else path


class Asking(msgspec.Struct, frozen=True):
    """Who looks, at what, and when.

    Parameters
    ----------
    is_shared
        Whether several readers get the same drawing: what is one reader's own is left out of it.
    """

    account: str
    query: Any
    now: int
    is_shared: bool = False

    def draw_key(self) -> str:
        """Return a key for a form, so that it is done once however often it is sent; empty in a drawing that is shared."""
        return "" if self.is_shared else token_urlsafe()


class Block(msgspec.Struct, frozen=True):
    """A part of a page that lives.

    Parameters
    ----------
    name
        Of the template's block, of the element that holds it, and of the view's field.
    dirty_on
        The kinds of events after which it looks different.
    look
        Makes its view from a snapshot.
    template
        Where the block is written; the page's own template where empty.
    field
        The view's field, where it is not called like the block.
    """

    name: str
    dirty_on: frozenset[str]
    look: Callable[[Connection, Asking], Any]
    template: str = ""
    field: str = ""


class Link(msgspec.Struct, frozen=True):
    """A place in the navigation."""

    page: str
    title: str
    address: str
    icon: str
    current: bool


class Owner(msgspec.Struct, frozen=True):
    """An account that a page may be shown of."""

    id: str
    name: str
    current: bool


class Shell(msgspec.Struct, frozen=True):
    """What surrounds a page's blocks.

    Parameters
    ----------
    owners
        The accounts that may be chosen, with the one that is shown; empty where there is but one.
    feed
        The address of the live feed for this page, with the cursor that it was drawn at.
    now
        The server's clock when it was drawn.
    whose
        What an address says of the account that is looked at; nothing of the default one.
    """

    title: str
    page: str
    links: tuple[Link, ...]
    owners: tuple[Owner, ...]
    feed: str
    now: int
    whose: str = ""

    def file(self, path: str, **asked: str) -> str:
        """Return the address of a list as a file, for the account that is looked at; the path is the list's in the API."""
        wanted = [urlencode(asked)] if asked else []
        question = "&".join([*wanted, *([self.whose] if self.whose else [])])
        return f"{ROOT}/api/{path}export/{'?' if question else ''}{question}"

    def to(self, page: str) -> str:
        """Return the address of another page, for the account that is looked at."""
        return next(link.address for link in self.links if link.page == page)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a template gets; a block that is drawn alone finds only its own field set."""

    shell: Shell | UnsetType = UNSET
    state: Any = UNSET


class Page(msgspec.Struct, frozen=True):
    """A page.

    Parameters
    ----------
    name
        Its template, its view's module and, under the root, its blocks' address.
    path
        Where it lives.
    icon
        The path data of its sign in the navigation, on a 16 by 16 grid.
    blocks
        The parts that live.
    inner
        Parts of a block that are fetched alone when somebody asks for them.
    item
        The page of one of the things that this one lists, at this one's path and the thing's name; the name is its query's
        `symbol`.
    settle
        Returns the query of an item's page with the item's name as it is spelled; its page has that name for its title.
    within
        The page of the navigation that it belongs to, where it is not one of them itself.
    """

    name: str
    title: str
    path: str
    icon: str
    view: type[View]
    blocks: tuple[Block, ...]
    query: type[Query] = Query
    inner: tuple[Block, ...] = ()
    item: "Page | None" = None
    settle: Callable[[Connection, Any], Any] | None = None
    within: str = ""

    @property
    def template(self) -> str:
        """The file that it is written in."""
        return f"{self.name}.html"

    def has_block(self, name: str) -> bool:
        """Return whether it has a block of that name."""
        return any(block.name == name for block in (*self.blocks, *self.inner))

    def block(self, name: str) -> Block:
        """Return a block by name.

        Raises
        ------
        NotFound
            If it has none of that name.
        """
        for block in (*self.blocks, *self.inner):
            if block.name == name:
                return block
        raise NotFound("block", name, [block.name for block in self.blocks])

    def ask(self, given: Mapping[str, Sequence[str]]) -> Query:
        """Return an address's query in the page's own terms; names that it does not know are let be.

        Of an answer that is given more than once the first holds, where the page does not ask for several.

        Raises
        ------
        Invalid
            If a value is not one that it can have.
        """
        several = {info.encode_name: isinstance(info.default, tuple) for info in msgspec.structs.fields(self.query)}
        answers = {name: [value for value in values if value] for name, values in given.items() if name in several}
        wanted = {name: values if several[name] else values[0] for name, values in answers.items() if values}
        try:
            return msgspec.convert(wanted, self.query, strict=False)
        except msgspec.ValidationError as problem:
            raise misread(problem, wanted, self.query, "query") from problem


def owner_of(desk: Desk, query: Query) -> str:
    """Return the account whose page an address asks for.

    Raises
    ------
    NotFound
        If there is none of that name.
    """
    return account_named(desk, query.account)


def account_named(desk: Desk, name: str) -> str:
    """Return an account by its id or its name; the default one where nothing is named.

    Raises
    ------
    NotFound
        If there is none of that name.
    """
    account = default_account(desk)
    if not name:
        return account
    known = desk.accounts.get(name)
    if known is None:
        with desk.store.read() as connection:
            known = reads.find_account(connection, name)
        desk.accounts[name] = known
    return known


def draw(page: Page, pages: tuple[Page, ...], desk: Desk, account: str, query: Query, **given: Any) -> str:
    """Return a whole page, drawn from one snapshot.

    Parameters
    ----------
    given
        Views of blocks that are known already, by name.
    """
    with desk.store.read() as connection:
        asking = Asking(account, query, desk.now())
        stands = standing(connection, account, asking.now, OWNERS)
        # What has another block's field is a part of that block, and drawn within it.
        whole = [block for block in page.blocks if not block.field]
        parts = {block.name: given[block.name] if block.name in given else block.look(connection, asking) for block in whole}
    live = {**query.kept(), "page": page.name, "after": str(stands.cursor), "prices": str(stands.prices)}
    places = links(pages, page.within or page.name, query.account)
    owners = _owners(stands.accounts, account)
    shell = Shell(page.title, page.name, places, owners, f"{ROOT}/live?{urlencode(live, doseq=True)}", asking.now, query.whose)
    return render.draw_page(page.template, page.view(shell=shell, **parts))


def links(pages: tuple[Page, ...], current: str = "", account: str = "") -> tuple[Link, ...]:
    """Return the navigation; it stays with the account that is looked at."""
    whose = f"?{urlencode({'account': account})}" if account else ""
    return tuple(Link(page.name, page.title, page.path + whose, page.icon, page.name == current) for page in pages)


def _owners(accounts: tuple[AccountRow, ...], account: str) -> tuple[Owner, ...]:
    """Return the accounts to choose from, the default one first and then the newest."""
    rows = sorted(accounts, key=lambda row: row.id != DEFAULT_ACCOUNT)
    return tuple(Owner(row.id, row.name, row.id == account) for row in rows) if len(rows) > 1 else ()


def draw_block(page: Page, block: Block, connection: Connection, asking: Asking) -> str:
    """Return one block of a page, drawn from an open snapshot."""
    return draw_view(page, block, block.look(connection, asking))


def draw_view(page: Page, block: Block, view: Any) -> str:
    """Return one block of a page from its view."""
    return render.draw_block(block.template or page.template, block.name, page.view(**{block.field or block.name: view}))
