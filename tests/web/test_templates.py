"""What the policy refuses may not be in a template: it would work in no browser, and nobody would notice at once."""

import re

import pytest
from jinja2 import UndefinedError

from workbench.web.page import View
from workbench.web.pages import PAGES
from workbench.web.render import STATIC, asset, draw_block, environment, templates_folder

TEMPLATES = sorted(templates_folder().glob("*.html"))
OWN_SCRIPTS = sorted(STATIC.glob("*.js"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\shx-on[:\s=]", "hx-on is a script in an attribute"),
        (r"""["']\s*js:""", "js: is a script in an attribute"),
        (r"\son[a-z]+\s*=", "an event attribute is a script"),
        (r"\sstyle\s*=", "a style attribute is an inline style"),
        (r"<style", "a style element is an inline style"),
        (r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", "a script without an address is inline"),
        (r"hx-trigger=\"[^\"]*\[", "a filter in brackets is evaluated"),
        (r"https?://(?!www\.tradingview\.com/)", "nothing comes from outside"),
    ],
)
def test_a_template_has_nothing_that_the_policy_refuses(path, pattern, why):
    found = re.search(pattern, path.read_text())
    assert found is None, f"{why}: {found}"


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda path: path.name)
def test_a_script_evaluates_no_text_and_writes_no_html(path):
    text = path.read_text()
    for forbidden in ("eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", ".style"):
        assert forbidden not in text


def test_a_name_that_is_not_there_is_an_error():
    with pytest.raises(UndefinedError):
        environment().from_string("{{ view.nothing }}").render(view=View())


def test_what_is_shown_is_escaped():
    assert environment().from_string("{{ given }}").render(given="<b>") == "&lt;b&gt;"


def test_every_page_has_its_template_and_every_block_its_place():
    for page in PAGES:
        whole = environment().get_template(page.template)
        text = (templates_folder() / page.template).read_text() + (templates_folder() / "base.html").read_text()
        for block in (*page.blocks, *page.inner):
            assert block.name in {**whole.blocks, **environment().get_template(block.template or page.template).blocks}
            assert f'id="{block.name}"' in text


def test_a_block_that_is_drawn_alone_needs_no_more_than_its_own_view():
    with pytest.raises(UndefinedError):
        draw_block("dashboard.html", "figures", PAGES[0].view())


def test_a_static_file_is_named_with_a_stamp_of_its_content():
    assert re.fullmatch(r"/static/look\.css\?v=[0-9a-f]{12}", asset("look.css"))


def test_htmx_is_not_deferred():
    """A deferred htmx begins its work in a task of its own, which may come before its extension: no feed, now and then."""
    scripts = re.findall(r"<script[^>]*vendor/(?:htmx|hx-sse)[^>]*>", (templates_folder() / "base.html").read_text())
    assert len(scripts) == 2
    assert not [script for script in scripts if re.search(r"defer|async|module", script)]
