from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.domain.book import open_book
from workbench.domain.events import (
    FIRST_DIGEST,
    Deposited,
    EquityMarked,
    OrderCancelled,
    canonical,
    close_ledger_digest,
    decode,
    log_digest,
    open_ledger_digest,
)


def test_small_and_zero_amounts_are_written_in_plain_digits():
    assert canonical(Deposited(Decimal("0.00000012"), Decimal("0E-8"))) == b'{"amount":"0.00000012","cash":"0.00000000"}'


def test_text_that_looks_like_an_exponent_stays_as_it_is():
    assert canonical(OrderCancelled(1, "1E-8 is text")) == b'{"order":1,"why":"1E-8 is text"}'


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12), st.booleans())
def test_what_is_written_reads_back_the_same(amount, late):
    event = EquityMarked(1, amount, amount, {"a": amount}, late)
    assert decode("EquityMarked", canonical(event)) == event
    assert b"E" not in canonical(event)


def test_the_log_digest_depends_on_all_that_came_before():
    first = log_digest(FIRST_DIGEST, "A", b"{}")
    assert log_digest(first, "A", b"{}") != first
    assert log_digest(FIRST_DIGEST, "B", b"{}") != first


def test_the_ledger_digest_begins_with_the_book_and_ends_with_the_equity():
    hundred, more = open_ledger_digest(open_book(Decimal(100))), open_ledger_digest(open_book(Decimal("100.00000001")))
    assert hundred != more
    assert close_ledger_digest(hundred, Decimal(100)) == close_ledger_digest(hundred, Decimal("100.00000000"))


def test_an_unknown_field_type_is_refused_when_reading():
    with pytest.raises(msgspec.ValidationError):
        decode("OrderCancelled", b'{"order":"one","why":""}')
