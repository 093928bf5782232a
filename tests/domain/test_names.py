import pytest

from workbench.domain.names import MOST_LETTERS, alike, is_shown, read_name
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


@pytest.mark.parametrize(
    ("name", "other"),
    [("Second", "second"), ("ÉLAN", "e\u0301lan"), ("Straße", "STRASSE"), ("ﬁrst", "First"), ("ΣΑΣ", "σας")],
)
def test_a_name_in_other_letters_of_the_same_kind_is_alike(name, other):
    assert alike(name, ["First one", other]) == other
    assert alike(other, [name]) == name


@pytest.mark.parametrize(("name", "other"), [("Second", "Second 2"), ("a", "á"), ("1", "l"), ("", "x")])
def test_a_name_that_a_person_tells_from_another_is_not(name, other):
    assert alike(name, [other]) is None
