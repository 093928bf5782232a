"""Paths, code and nonsense in every text field that there is: nothing is run, opened or broken, and all of it is shown as text."""

import sys
from html import unescape
from urllib.parse import quote

import pytest
from sqlalchemy import inspect

from tests.security.surface import API, ROOT, bodies, forms_in, page_addresses, questions, ways
from workbench.domain.terms import OPTIONS, REALISM, RULES
from workbench.web.api.bodies import SAME

MARK = "attack7919"
TYPED = {
    "a path": f"../../../../etc/{MARK}",
    "an address of a file": f"file:///etc/{MARK}",
    "a template": "{{191*7919}}${191*7919}<%=191*7919%>",
    "code": f"__import__('os').system('touch /tmp/{MARK}')",
    "a script": f"<script>alert('{MARK}')</script>",
    "an attribute": f"\"><img src=x onerror=alert('{MARK}')>",
    "SQL": f"{MARK}'; DROP TABLE events; --",
    "a NUL": "a\0b",
    "a mark that turns letters around": "\u202egnp.exe",
    "line ends": "a\r\nset-cookie: b=c",
    "a pickle": f"\x80\x04cos\nsystem\n(S'touch /tmp/{MARK}'\ntR.",
    "a number of a milliard digits": "1e999999999",
    "a number of a milliard places": "1e-999999999",
    "a number of many digits": "9" * 5_000,
    "no number": "NaN",
    "all numbers": "-Infinity",
}
TYPED_NAMES = sorted(TYPED)
RULES_OF_ONE_MAKE = sorted({*OPTIONS, *RULES, *REALISM} - {"allowed_tokens", "blocked_tokens", "sizing", "on_hole", "trading_mode"})
LARGEST = 20_000
"""Bytes of an answer that refuses something; it does not send back all that came."""
SOURCE = 8_000
"""This file is longer, which is compiled again where a test of it fails."""
RUNNING = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class", "os.remove", "os.rename", "os.mkdir")


class Watch:
    """What Python itself tells of files that are opened and programs that are run, while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple) -> None:
        """Note what is not to happen; a hook stays for ever, so it says nothing while it is off."""
        if not self.is_on:
            return
        told = str(arguments)
        if event in RUNNING or (event in ("open", "compile", "import") and MARK in told and len(told) < SOURCE):
            self.seen.append(f"{event} {arguments}")


@pytest.fixture(scope="module")
def watch():
    made = Watch()
    sys.addaudithook(made)
    return made


@pytest.fixture(autouse=True)
def nothing_happens(watch):
    """Nothing is run, and nothing opened whose name came from outside."""
    watch.seen.clear()
    watch.is_on = True
    yield
    watch.is_on = False
    assert watch.seen == []


def assert_calm(answer, told):
    assert answer.status_code < 500, f"{told}: {answer.text[:300]}"
    assert "1512529" not in answer.text, f"{told}: it was worked out"
    assert "set-cookie" not in answer.headers
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert "<script>alert" not in answer.text, told
        assert "<img src=x" not in answer.text, told
    elif "/api/" in answer.url.path and not answer.url.path.endswith("export/"):
        assert answer.headers["content-type"] in ("application/json", "application/openapi+json")
    if answer.status_code >= 400:
        assert len(answer.content) < LARGEST or answer.headers["content-type"].startswith("text/html"), told
        assert "Traceback" not in answer.text
        assert "SELECT " not in answer.text


def takes(field, name):
    """Whether a field is tried with this: the many rules are of one make, so each takes a fourth of what there is."""
    return field not in RULES_OF_ONE_MAKE or (RULES_OF_ONE_MAKE.index(field) + TYPED_NAMES.index(name)) % 4 == 0


def test_what_watches_sees_a_file_that_is_opened(watch, tmp_path):
    (tmp_path / MARK).write_text("")
    assert [told for told in watch.seen if MARK in told]
    watch.seen.clear()


def test_there_are_many_fields():
    assert sum(len(body.fields) for body in bodies()) > 150
    assert len(list(questions())) > 80


@pytest.mark.parametrize("name", TYPED_NAMES)
def test_every_field_of_every_json_body_takes_it_as_text_or_refuses_it(site, name):
    for body in bodies():
        if body.path.removeprefix(f"{API}/") in SAME:
            continue
        for field in body.fields:
            if not takes(field, name):
                continue
            answer = site.post(body.path, json={**body.example, field: TYPED[name]})
            assert_calm(answer, f"{body.path} {field}")


@pytest.mark.parametrize("name", TYPED_NAMES)
def test_every_question_of_an_address_is_asked_with_text_or_refused(site, name):
    for path, field in questions():
        assert_calm(site.get(path, params={field: TYPED[name]}), f"{path} {field}")


@pytest.mark.parametrize("name", TYPED_NAMES)
def test_every_field_of_every_form_takes_it_as_text_or_refuses_it(site, name):
    seen = set()
    for page in page_addresses():
        for form in forms_in(site.get(page).text):
            path = form.path.partition("#")[0] or page
            if (path, *form.fields) in seen:
                continue
            seen.add((path, *form.fields))
            for field in form.fields:
                if not takes(field, name):
                    continue
                filled = {**form.fields, "idempotency_key": "", field: TYPED[name]}
                sent = {"data": filled} if form.method == "post" else {"params": filled}
                assert_calm(site.request(form.method, path, **sent, follow_redirects=False), f"{path} {field}")
    assert len(seen) > 10


@pytest.mark.parametrize("name", TYPED_NAMES)
def test_every_word_in_an_address_is_a_name_and_no_path(site, name):
    word = quote(TYPED[name], safe="")
    for way in ways(site.app):
        for part in ("WETH", "3f2a9c1e", "9d41", "4711", "Careful", "look.css", "page"):
            if f"/{part}" in way.path:
                answer = site.request(way.method, way.path.replace(f"/{part}", f"/{word}"), follow_redirects=False)
                assert_calm(answer, way)
                assert answer.status_code >= 400, way


def test_what_was_taken_as_text_is_shown_as_text(site, stage):
    kept = TYPED["a script"]
    assert site.post(f"{API}/accounts/", json={"name": kept}).status_code in (200, 422)
    # The name of a configuration may have no slash.
    asked = {"name": kept.replace("/", ""), "allowed_tokens": ["<script>alert(1)</script>"]}
    assert site.post(f"{API}/configuration/", json=asked).status_code == 200
    shown = 0
    for page in page_addresses():
        text = site.get(page).text
        assert "<script>alert" not in text, page
        shown += kept in unescape(text) or kept.replace("/", "") in unescape(text)
    assert shown > 3
    for table in ("papertradingaccount", "paperstrategyconfiguration", "events"):
        text = site.get(f"{ROOT}/admin/{table}/list").text
        assert "<script>alert" not in text, table


def test_a_very_long_text_is_refused_in_a_short_sentence(site):
    for body in bodies():
        for field in body.fields[:3]:
            answer = site.post(body.path, json={**body.example, field: "x" * 100_000})
            assert_calm(answer, f"{body.path} {field}")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("configuration/", {"name": "n" * 121}, "name"),
        ("configuration/", {"name": "a\0b"}, "name"),
        ("configuration/", {"allowed_tokens": ["T" * 61]}, "allowed_tokens"),
        ("configuration/", {"blocked_tokens": ["A\0B"]}, "blocked_tokens"),
        ("configuration/", {"size_amount": "1e-999999999"}, "size_amount"),
        ("bot/start/", {"size_pct": "1e999999999"}, "size_pct"),
        ("bot/start/", {"timeframe": "9" * 5_000 + "s"}, "timeframe"),
        ("bot/start/", {"session_name": "\u202egnp.exe"}, "session_name"),
        ("bot/stop/", {"reason": "a\0b"}, "reason"),
        ("accounts/", {"name": "a\0b"}, "name"),
        ("account/deposit/", {"amount": "1e999999999"}, "amount"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_fits_on_no_page_is_refused_with_its_field(site, path, body, field):
    answer = site.post(f"{API}/{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert len(answer.content) < 1_000


def test_the_tables_are_all_still_there(stage):
    with stage.store.read() as connection:
        assert {"events", "accounts", "trades", "positions"} <= set(inspect(connection).get_table_names())


def test_the_document_promises_no_field_for_code_a_path_or_a_pickle():
    fields = {field for body in bodies() for field in body.fields} | {field for _, field in questions()}
    assert fields.isdisjoint(("code", "path", "file", "filename", "folder", "pickle", "module", "url", "callback", "expression"))
