"""Every page of the admin answers, has its policy, and nothing that the policy refuses."""

import itertools
import re
import subprocess
import sys

import pytest

from tests.web.conftest import queries
from workbench.store import browse
from workbench.web.admin.mount import policy
from workbench.web.admin.views import all_views

TABLES = [
    "papertradingaccount", "papertradingsession", "papertrade", "paperposition", "orders", "paperaithoughtlog",
    "paperstrategyconfiguration", "papertradingconfig", "paperperformancemetrics", "programruns", "breakers", "autopilotlog",
    "autopilotperformancesnapshot", "sweeps", "sweepruns", "trials", "datasets", "events",
]  # fmt: skip
MODELS = [
    "PaperTradingAccount", "PaperTrade", "PaperPosition", "PaperTradingConfig", "PaperAIThoughtLog", "PaperStrategyConfiguration",
    "PaperPerformanceMetrics", "PaperTradingSession", "AutoPilotLog", "AutoPilotPerformanceSnapshot",
]  # fmt: skip
EDITABLE = ["paperstrategyconfiguration", "papertradingconfig"]


def assert_clean(answer):
    assert answer.status_code == 200, answer.text[-300:]
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])[1]
    assert answer.headers["content-security-policy"] == policy(nonce)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    scripts = re.findall(r"<script\b[^>]*>", answer.text)
    assert scripts
    assert all(f'nonce="{nonce}"' in script for script in scripts)
    tags = re.sub(r"<script\b.*?</script>", "", answer.text, flags=re.DOTALL)
    assert not re.findall(r"<[^>]*\son[a-z]+\s*=", tags)
    assert "javascript:" not in tags
    levels = [int(level) for level in re.findall(r"<h([1-6])\b", tags)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
    outside = re.findall(r"""(?:href|src|action|content|url)\s*[=(:]\s*["']?(?:https?:)?//[^"' )>]+""", answer.text)
    assert [place for place in outside if "//127.0.0.1:8000/" not in place and "w3.org" not in place] == []
    assert "rsms.me" not in answer.text
    return answer


def test_the_overview_names_every_model_and_leads_back(full):
    page = assert_clean(full.get("")).text
    for model in MODELS:
        assert f">{model}" in page
    assert 'href="/paper-trading/"' in page


@pytest.mark.parametrize("table", TABLES)
def test_a_list_a_row_and_its_edit_are_clean(full, table):
    page = assert_clean(full.get(f"{table}/list")).text
    assert 'data-sa-pk="' in page, "there is no row to look at"
    row = full.row(table)
    assert_clean(full.get(f"{table}/detail", pk=row))
    edit = full.get(f"{table}/edit", pk=row)
    if table in EDITABLE:
        assert_clean(edit)
    else:
        assert edit.status_code == 403
        assert f"{table}/edit" not in page


@pytest.mark.parametrize("table", ["papertradingaccount", "papertradingconfig"])
def test_a_form_for_something_new_is_clean(full, table):
    assert_clean(full.get(f"{table}/create"))


@pytest.mark.parametrize("path", ["", "papertrade/list", "static/admin.css"])
def test_every_nonce_is_new(full, path):
    assert full.get(path).headers["content-security-policy"] != full.get(path).headers["content-security-policy"]


def test_its_files_are_its_own_and_may_be_kept_for_a_while(full):
    page = full.get("papertrade/list").text
    files = set(re.findall(r'(?:href|src)="(?:http://127\.0\.0\.1:8000)?(/[^"]+\.(?:css|js)[^"]*)"', page))
    assert len(files) > 8
    for file in files:
        answer = full.client.get(file)
        assert answer.status_code == 200
        assert "no-store" not in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["nothing/list", "papertrade/detail?pk=99999999", "papertrade/detail?pk=1e9", "papertrade/detail",
                                  "papertrade/detail?pk=99999999999999999999999", "orders/detail?pk=1", "breakers/detail?pk=a.b",
                                  "_api/papertrade/relation-lookup", "_files/a/b", "static/nothing.css"])  # fmt: skip
def test_what_is_not_there_is_not_found(full, path):
    answer = full.client.get(f"/paper-trading/admin/{path}")
    assert answer.status_code == 404
    assert "nonce-" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/paper-trading/admin", "/paper-trading/admin/"])
def test_both_ways_of_writing_its_address_lead_to_it(full, path):
    assert full.client.get(path).status_code == 200


def test_a_table_s_own_address_leads_to_its_list(full):
    assert full.client.get("/paper-trading/admin/papertrade/").url.path == "/paper-trading/admin/papertrade/list"


@pytest.mark.parametrize("path", ["/paper-trading/administer", "/paper-trading/adminx/list"])
def test_what_only_begins_like_it_is_something_else(full, path):
    assert full.client.get(path).status_code == 404


def test_every_page_leads_to_it(full):
    assert 'href="/paper-trading/admin/"' in full.client.get("/paper-trading/trades/").text


def test_a_gain_and_a_loss_have_an_arrow_and_a_sign(full):
    page = full.get("paperperformancemetrics/list").text
    assert "▼ −12.50" in page
    assert "▲ 60.0" in page
    assert re.search(r'class="cell num loss"[^>]*>▼', page)
    assert re.search(r'class="cell num gain"[^>]*>▲', page)


def test_its_libraries_are_imported_by_whoever_looks_at_it_first():
    code = (
        "import sys; from litestar.testing import TestClient; from workbench.desk import open_desk;"
        "from workbench.web.app import create_app; app = create_app(open_desk(':memory:'));"
        "assert not [name for name in sys.modules if name.startswith('starlette_admin')];"
        "client = TestClient(app, base_url='http://127.0.0.1:8000');"
        "assert client.get('/paper-trading/admin/').status_code == 200;"
        "assert 'starlette_admin' in sys.modules; print('late')"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.stdout.strip() == "late", shown.stderr


@pytest.mark.parametrize("word", ["", "WETH"])
@pytest.mark.parametrize("address", ["", *(f"{table}/list" for table in TABLES)])
def test_a_page_of_the_admin_asks_the_store_at_most_five_times(full, address, word):
    answers = []
    asked = {"search": word} if word else {}
    assert queries(full.client.app.state.desk, lambda: answers.append(full.get(address, **asked))) <= 5
    assert answers[0].status_code == 200


def test_the_overview_counts_what_there_is_in_each_table(full):
    desk = full.client.app.state.desk
    reaches = {view.key: view.listing.reach for view in all_views(desk)}
    with desk.store.read() as connection:
        counts = browse.counts(connection, reaches)
        assert counts == {key: browse.count(connection, reach) for key, reach in reaches.items()}
    assert len(counts) == len(TABLES)
    assert min(counts.values()) > 0
