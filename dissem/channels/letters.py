"""Letters as people see them, and patterns over what Unicode knows of characters: the one door to `regex`."""

import re
from collections.abc import Collection
from typing import cast

import regex  # ships no types


def pattern(source: str, **words: Collection[str]) -> re.Pattern[str]:
    r"""A pattern that may also ask for properties (`\p{L}`), look back over any width, and name *words* (`\L<name>`).

    Flags are written in it: `(?i)`. It is used as the patterns of `re` are.
    """
    return cast("re.Pattern[str]", regex.compile(source, **words))


_LETTER = pattern(r"\X")


def count(text: str) -> int:
    """How many letters people see in *text*, however many code points each is made of."""
    return len(_LETTER.findall(text))


def ends(text: str) -> list[int]:
    """The place behind every letter of *text*: nowhere else may it be cut without breaking one."""
    return [letter.end() for letter in _LETTER.finditer(text)]
