"""The admin as a whole: its views, its templates before those of starlette-admin, and its files."""

import re
import secrets
from pathlib import Path
from typing import Any, Final

from anyio import to_thread
from jinja2 import PrefixLoader
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette_admin import BaseAdmin, CustomView
from starlette_admin.export import ExportConfig
from starlette_admin.routing import route

from workbench.desk import Desk
from workbench.store import browse
from workbench.store.browse import MOST
from workbench.web.admin.cells import ADMIN
from workbench.web.admin.nonce import Nonced, nonce
from workbench.web.admin.view import MOST_EXPORTED, TableView
from workbench.web.admin.views import all_views
from workbench.web.page import ROOT
from workbench.web.render import STATIC, asset, templates_folder
from workbench.web.zone import zone_key

FILES: Final = Path(__file__).parent / "static"
_UNUSED: Final = frozenset({"relation-lookup", "import", "file"})
"""Ways in that nothing here needs."""


class FrontPage(CustomView):  # type: ignore[misc, unused-ignore]
    """What there is to look into."""

    path = "/"
    route_name = "index"
    add_to_menu = False

    def __init__(self, desk: Desk, views: list[TableView]) -> None:
        super().__init__(menu_label="Admin")
        self.desk, self.reaches = desk, {str(view.key): view.listing.reach for view in views}

    @route("")
    async def index(self, request: Request) -> Response:
        """Draw the page."""
        counts = await to_thread.run_sync(self._count)
        assert self._admin is not None
        drawn: Response = self._admin._template_response(request, "index.html", {"title": "Admin", "counts": counts})
        return drawn

    def _count(self) -> dict[str, int]:
        with self.desk.store.read() as connection:
            return browse.counts(connection, self.reaches)


def make_site(desk: Desk) -> Router:
    """Return the admin over a desk's store, at its place below the root."""
    views = all_views(desk)
    groups: dict[str, list[TableView]] = {}
    for view in views:
        groups.setdefault(view.listing.group, []).append(view)
    admin = BaseAdmin(
        title="Admin",
        base_url=ADMIN,
        templates_dir=str(templates_folder() / "admin"),
        additional_loaders=[PrefixLoader({"@package": Nonced()}), Nonced()],
        static_dir=str(FILES),
        index_view=FrontPage(desk, views),
        # Its cookies hold what a page was told last and the token of its forms: they need not outlive the process.
        secret_key=secrets.token_hex(32),
        timezone_config=None,
        export_config=ExportConfig(max_rows=MOST_EXPORTED),
    )
    # A row includes a template for every cell: none of them is looked for again on the disk.
    admin.templates.env.auto_reload = False
    shared: dict[str, Any] = admin.templates.env.globals
    shared.update(nonce=nonce, asset=asset, tokens=tokens(), groups=groups, root=ROOT, most=MOST, zone_key=zone_key)
    for view in views:
        admin.add_view(view)
    admin.routes = [one for one in admin.routes if getattr(one, "name", "") not in _UNUSED]
    admin.routes.append(Route("/{key}", to_list, name="table"))
    site = Router()
    admin.mount_to(site)  # type: ignore[arg-type]  # all that it asks for is `mount`
    return site


async def to_list(request: Request) -> Response:
    """Lead from a table's own address to its list."""
    return RedirectResponse(request.url_for("admin:list", key=request.path_params["key"]), status_code=302)


def tokens() -> str:
    """Return the colours of the pages, as their own style sheet says them."""
    return "\n".join(re.findall(r"^:root[^{]*\{[^}]*\}", (STATIC / "look.css").read_text(), re.MULTILINE))
