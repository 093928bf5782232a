"""Templates to text: the one Jinja environment, whole pages and single blocks of them by the same code."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import render_block

from workbench.web.filters import FILTERS, TESTS
from workbench.web.security import is_behind_a_door
from workbench.web.zone import zone_key, zone_label

STATIC: Final = Path(__file__).parent / "static"
STATIC_URL: Final = "/static"


def templates_folder() -> Path:
    """Return the folder with the templates: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


@cache
def asset(name: str) -> str:
    """Return the address of a file under `static/`, stamped with its content, so that it may be cached for ever."""
    stamp = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"{STATIC_URL}/{name}?v={stamp}"


@cache
def environment() -> Environment:
    """Return the Jinja environment: everything is escaped, and a name that is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    made.tests.update(TESTS)
    made.globals.update(asset=asset, is_behind_a_door=is_behind_a_door, zone_key=zone_key, zone_label=zone_label)
    return made


def draw_page(template: str, view: msgspec.Struct) -> str:
    """Return a whole page."""
    return environment().get_template(template).render(view=view)


def draw_block(template: str, block: str, view: msgspec.Struct) -> str:
    """Return one block of a page, by the same template that draws the page."""
    drawn: Any = render_block(environment(), template, block, view=view)
    return str(drawn)
