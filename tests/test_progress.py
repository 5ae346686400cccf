"""Bars of uploads on a terminal."""

import io
import sys

import pytest

from dissem.cli.progress import bars


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_an_upload_is_a_bar_with_its_name_and_how_much_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    with bars() as bar, bar("instagram-kominfo #7", 200) as sent:
        sent(50)

    assert "instagram-kominfo #7" in terminal.getvalue()
    assert "/200 bytes" in terminal.getvalue()
