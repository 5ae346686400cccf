"""A letter is what people see as one, and nothing cuts it apart."""

import pytest

from dissem.channels import letters


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("", []),
        ("Padang", [1, 2, 3, 4, 5, 6]),
        ("e\u0301a", [2, 3]),
        ("👩‍👩‍👧‍👦!", [7, 8]),
        ("🇮🇩🇲🇾", [2, 4]),
        ("\r\n", [2]),
    ],
)
def test_letters_end_where_people_see_them_end(text, ends):
    assert letters.ends(text) == ends
    assert letters.count(text) == len(ends)


def test_a_pattern_knows_the_properties_of_characters_and_lists_of_words():
    found = letters.pattern(r"(?i)\p{Lu}\.\L<endings>", endings={"id", "my"}).findall("É.ID, 1.id, x.com")

    assert found == ["É.ID"]
