import doctest
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from litestar.testing import TestClient

from tests.web.conftest import HERE
from workbench.actions.set_time_zone import set_time_zone
from workbench.desk import open_desk
from workbench.domain.bars import as_ts
from workbench.errors import Conflict, Invalid
from workbench.settings import NoSuchZone, nearest_zones, zone_named
from workbench.web import filters, times
from workbench.web.admin.finding import Since
from workbench.web.app import create_app
from workbench.web.times import field_time, typed_moment, typed_utc
from workbench.web.zone import show_in, shown_zone, zone_label

BERLIN = ZoneInfo("Europe/Berlin")
PAGES = ("", "trades/", "orders/", "thoughts/", "strategies/", "sessions/", "analytics/", "configuration/", "research/", "markets/")


def utc(text):
    return as_ts(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.fixture
def berlin():
    before = shown_zone()
    show_in(BERLIN)
    yield
    show_in(before)


@pytest.fixture
def in_berlin(desk):
    set_time_zone(desk, "Europe/Berlin")
    with TestClient(create_app(desk), base_url=HERE) as client:
        yield client


def test_the_examples_hold():
    assert doctest.testmod(times).failed == 0


@pytest.mark.parametrize(
    ("at", "clock", "moment"),
    [
        ("2026-03-29T00:59:59", "01:59:59", "2026-03-29 01:59:59 +01:00"),
        ("2026-03-29T01:00:00", "03:00:00", "2026-03-29 03:00:00 +02:00"),
        ("2026-10-24T23:59:59", "01:59:59", "2026-10-25 01:59:59 +02:00"),
        ("2026-10-25T00:30:00", "02:30:00+02:00", "2026-10-25 02:30:00 +02:00"),
        ("2026-10-25T01:30:00", "02:30:00+01:00", "2026-10-25 02:30:00 +01:00"),
        ("2026-10-25T02:00:00", "03:00:00", "2026-10-25 03:00:00 +01:00"),
    ],
)
def test_clocks_are_right_around_a_change_and_an_hour_that_comes_twice_is_told_apart(berlin, at, clock, moment):
    assert filters.clock(utc(at)) == clock
    assert filters.moment(utc(at)) == moment
    assert filters.utc(utc(at)) == at.replace("T", " ") + " UTC"
    assert filters.iso(utc(at)) == at + "Z"


def test_a_day_begins_at_the_zones_midnight(berlin):
    late, later = utc("2026-07-01T21:59:59"), utc("2026-07-01T22:00:00")
    assert (filters.day(late), filters.day(later)) == ("1 Jul 2026", "2 Jul 2026")
    assert not filters.same_day(late, later)
    assert filters.same_day(later, utc("2026-07-02T21:00:00"))
    assert filters.utc_day(later) == "1 Jul 2026"


def test_a_day_of_25_hours_is_one_day(berlin):
    assert filters.same_day(utc("2026-10-24T22:00:00"), utc("2026-10-25T22:59:59"))
    assert not filters.same_day(utc("2026-10-24T22:00:00"), utc("2026-10-25T23:00:00"))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-07-01T12:00", "2026-07-01T10:00:00"),
        ("2026-01-01", "2025-12-31T23:00:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00"),  # the first of the two
        ("2026-10-25T03:00", "2026-10-25T02:00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30:00"),  # an hour that is left out
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30:00"),
        ("2026-10-25T02:30Z", "2026-10-25T02:30:00"),
        ("1767225600000", "2026-01-01T00:00:00"),
    ],
)
def test_a_typed_time_is_read_on_the_zones_clocks_unless_it_names_its_own(berlin, typed, meant):
    assert typed_moment("since", typed) == utc(meant)
    assert typed_utc("since", typed) == meant + "Z"


def test_a_field_has_the_time_that_was_typed_into_it(berlin):
    assert field_time("at", "2026-07-01T12:00:05") == "2026-07-01T12:00:05"
    assert field_time("at", "2026-07-01T10:00:05Z") == "2026-07-01T12:00:05"
    with pytest.raises(Invalid, match="at: expected a time"):
        field_time("at", "noon")


def test_half_hours_and_long_names_are_written_short(berlin):
    show_in(ZoneInfo("Asia/Kolkata"))
    assert filters.moment(utc("2026-01-01T00:00:00")) == "2026-01-01 05:30:00 +05:30"
    show_in(ZoneInfo("America/New_York"))
    assert zone_label() == "New York"
    assert filters.moment(utc("2026-01-01T00:00:00")) == "2025-12-31 19:00:00 -05:00"


@pytest.mark.parametrize(
    ("name", "near"), [("Berlin", ["Europe/Berlin"]), ("Europe/Berlni", ["Europe/Berlin"]), ("new york", ["America/New_York"])]
)
def test_an_unknown_zone_is_refused_with_the_nearest(name, near):
    assert nearest_zones(name)[:1] == near
    with pytest.raises(NoSuchZone, match=f"Did you mean {near[0]}"):
        zone_named(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/localtime", "\0", "x" * 5000, "Nowhere/At_All", "localtime"])
def test_what_is_no_zone_is_refused_in_a_sentence(name):
    with pytest.raises(NoSuchZone, match="Expected a time zone by its IANA name"):
        zone_named(name)


def test_a_choice_is_kept_beside_the_data_and_seen_by_every_process(tmp_path):
    with open_desk(tmp_path) as one, open_desk(tmp_path) as other:
        assert other.zone.key == "UTC"
        set_time_zone(one, "europe/berlin")
        assert other.zone.key == "Europe/Berlin"
        set_time_zone(other, "")
        assert one.zone.key == "UTC"


def test_the_environment_wins_and_the_page_says_so(desk, monkeypatch):
    monkeypatch.setenv("WORKBENCH_TIME_ZONE", "Asia/Tokyo")
    assert desk.zone.key == "Asia/Tokyo"
    with pytest.raises(Conflict, match="WORKBENCH_TIME_ZONE"):
        set_time_zone(desk, "Europe/Berlin")
    with TestClient(create_app(desk), base_url=HERE) as client:
        page = client.get("/paper-trading/configuration/").text
    assert "WORKBENCH_TIME_ZONE sets it" in page
    assert 'data-zone="Asia/Tokyo"' in page


def test_a_damaged_choice_is_utc_and_the_page_says_what_is_wrong(desk):
    desk.settings.zone_path.write_text("Mars/Olympus\n")
    assert desk.zone.key == "UTC"
    with TestClient(create_app(desk), base_url=HERE) as client:
        page = client.get("/paper-trading/configuration/").text
    assert "Mars/Olympus" in page
    assert 'data-zone="UTC"' in page


@pytest.mark.parametrize("page", PAGES)
def test_every_page_names_the_zone(in_berlin, page):
    drawn = in_berlin.get(f"/paper-trading/{page}").text
    assert 'data-zone="Europe/Berlin"' in drawn
    assert ">Europe/Berlin</a>" in drawn


def test_the_form_changes_it_without_script_and_says_so(client, desk):
    answer = client.post("/paper-trading/configuration/time-zone", data={"time_zone": "Europe/Berlin"})
    assert answer.history[0].status_code == 303
    assert "Pages show times in this zone from now on" in answer.text
    assert desk.zone.key == "Europe/Berlin"


def test_the_form_refuses_what_is_no_zone_and_keeps_it(client, desk):
    answer = client.post("/paper-trading/configuration/time-zone", data={"time_zone": "Berlni"})
    assert answer.status_code == 422
    assert "Did you mean Europe/Berlin" in answer.text
    assert 'value="Berlni"' in answer.text
    assert desk.zone.key == "UTC"


def test_json_stays_in_utc(in_berlin):
    answer = in_berlin.get("/paper-trading/api/bot/status/").json()
    assert answer["timestamp"].endswith("+00:00")


def test_a_table_has_its_times_in_the_zone_and_utc_on_hover(traded):
    set_time_zone(traded, "Asia/Kolkata")
    try:
        with TestClient(create_app(traded), base_url=HERE) as client:
            page = client.get("/paper-trading/trades/").text
            trade = client.get("/paper-trading/api/trades/").json()["data"]["items"][0]
            thoughts = client.get("/paper-trading/thoughts/?since=2026-01-01T05:30").text
            admin = client.get("/paper-trading/admin/papertrade/list").text
    finally:
        set_time_zone(traded, "")
    at = datetime.fromisoformat(trade["executed_at"])
    assert "Time, Kolkata" in page
    assert f'title="{at:%Y-%m-%d %H:%M:%S} UTC"' in page
    assert f"{at.astimezone(ZoneInfo('Asia/Kolkata')):%H:%M:%S}</time>" in page
    # The file is asked for in UTC, whatever was typed.
    assert "since=2026-01-01T00%3A00%3A00Z" in thoughts
    assert "+05:30" in admin


def test_the_times_in_a_sentence_of_the_engine_are_the_zones(berlin):
    assert (
        filters.sentence("the next slice is due at 2026-11-26T13:00:00Z") == "the next slice is due at 2026-11-26 14:00:00 +01:00"
    )
    assert filters.sentence("4.93 % above") == "4.93\u202f% above"


def test_a_row_of_the_admin_has_its_times_in_the_zone_and_its_file_in_utc(traded):
    set_time_zone(traded, "Asia/Kolkata")
    try:
        with TestClient(create_app(traded), base_url=HERE) as client:
            trade = client.get("/paper-trading/api/trades/").json()["data"]["items"][0]
            page = client.get(f"/paper-trading/admin/papertrade/detail?pk={trade['trade_id']}").text
    finally:
        set_time_zone(traded, "")
    at = datetime.fromisoformat(trade["executed_at"]).astimezone(ZoneInfo("Asia/Kolkata"))
    assert f"{at:%Y-%m-%d %H:%M:%S} +05:30" in page


def test_a_filter_of_the_admin_reads_a_time_on_the_zones_clocks(berlin):
    assert Since().parse_value("2026-07-01T12:00") == utc("2026-07-01T10:00:00")
    assert Since().parse_value("2026-07-01T12:00+00:00") == utc("2026-07-01T12:00:00")
