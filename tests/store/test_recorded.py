import numpy as np
import pytest

from tests.make import HOUR, START, wandering
from workbench.store import recorded


@pytest.fixture
def kept(desk):
    bars = wandering(100)
    with desk.store.write() as connection:
        number = recorded.series_id(connection, "test", bars.instrument, "1h")
        assert recorded.record(connection, number, bars, desk.at) == 100
    return number, bars


def read(desk, number, bars, **stretch):
    with desk.store.read() as connection:
        return recorded.read_bars(connection, number, bars.instrument, "1h", **stretch)


def test_bars_come_back_as_they_were_seen(desk, kept):
    number, bars = kept
    found = read(desk, number, bars)
    assert list(found.bars()) == list(bars.bars())


def test_a_stretch_begins_with_its_start_and_ends_before_its_end(desk, kept):
    number, bars = kept
    found = read(desk, number, bars, start=START + 10 * HOUR, end=START + 20 * HOUR)
    assert (len(found), int(found.ts[0])) == (10, START + 10 * HOUR)


def test_the_same_bars_again_are_kept_once(desk, kept):
    number, bars = kept
    with desk.store.write() as connection:
        assert recorded.record(connection, number, bars[50:], desk.at) == 0


def test_another_price_becomes_a_revision_and_the_first_version_stays(desk, kept):
    number, bars = kept
    other = bars[40:60]
    other = type(bars)(
        bars.instrument, "1h", other.ts, {n: getattr(other, n) + 5 for n in ("open", "high", "low", "close")}, other.volume
    )
    for count in (1, 2):
        changed = other[:10]
        changed.close = changed.close + count
        changed.high = np.maximum(changed.high, changed.close)
        with desk.store.write() as connection:
            assert recorded.record(connection, number, changed, desk.at) == 10
    with desk.store.read() as connection:
        assert recorded.revisions(connection, number, START, START + 100 * HOUR) == 20
    assert list(read(desk, number, bars).bars()) == list(bars.bars())


def test_a_series_is_found_by_its_source_and_place(desk):
    bars = wandering(3)
    with desk.store.write() as connection:
        late = recorded.series_id(connection, "market", bars.instrument, "1h", place=2)
        first = recorded.series_id(connection, "market", wandering(3, symbol="A/B").instrument, "1h", place=1)
        assert recorded.series_id(connection, "market", bars.instrument, "1h") == late
    with desk.store.read() as connection:
        assert list(recorded.find_series(connection, "market", "1h").values()) == [first, late]
        assert recorded.newest(connection, late) is None


def test_what_fills_a_hole_later_is_told_apart_by_its_arrival(desk):
    bars = wandering(30)
    holed, rest = bars[~np.isin(np.arange(30), [5, 6])], bars[5:7]
    with desk.store.write() as connection:
        number = recorded.series_id(connection, "market", bars.instrument, "1h")
        assert recorded.arrivals(connection, number) == 0
        recorded.record(connection, number, holed, desk.at)
        then = recorded.arrivals(connection, number)
        recorded.record(connection, number, holed, desk.at)
        assert recorded.arrivals(connection, number) == then
        recorded.record(connection, number, rest, desk.at)
        assert len(recorded.read_bars(connection, number, bars.instrument, "1h")) == 30
        assert recorded.read_bars(connection, number, bars.instrument, "1h", arrival=then).ts.tolist() == holed.ts.tolist()


def test_a_session_has_seen_its_history_and_the_slices_that_it_took(desk):
    bars = wandering(30)
    after, taken = int(bars.ts[19]), bars.ts[[20, 22, 25]].tolist()
    with desk.store.write() as connection:
        number = recorded.series_id(connection, "market", bars.instrument, "1h")
        recorded.record(connection, number, bars[:20], desk.at)
        then = recorded.arrivals(connection, number)
        recorded.record(connection, number, bars[20:], desk.at)
        given = (connection, number, bars.instrument, "1h", int(bars.ts[10]), after, then)
        assert recorded.seen_bars(*given, []).ts.tolist() == bars.ts[10:20].tolist()
        assert recorded.seen_bars(*given, taken).ts.tolist() == [*bars.ts[10:20].tolist(), *taken]
