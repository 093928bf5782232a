import pytest

from workbench.domain.names import MOST_LETTERS, is_shown, read_name
from workbench.errors import Invalid


@pytest.mark.parametrize("name", ["Careful", "Tübingen", "日本", "a" * MOST_LETTERS, "'; DROP TABLE x", "<b>"])
def test_what_can_be_read_is_a_name(name):
    assert read_name(f" {name} ") == name
    assert is_shown(name)


@pytest.mark.parametrize(
    "name", ["", " ", "a" * (MOST_LETTERS + 1), "a\0b", "\x1b[31mred", "\u202egnp.exe", "two\nlines", "\ud800"], ids=ascii
)
def test_what_cannot_be_shown_on_one_line_is_none(name):
    with pytest.raises(Invalid, match="name"):
        read_name(name)
