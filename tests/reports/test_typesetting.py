"""Documents are set by a process of its own: what it cannot do is one sentence, and it holds nobody up."""

import pytest

from dissem.errors import Broken
from dissem.reports import typesetting
from dissem.reports.typesetting import typeset


def test_what_the_template_sees_is_set() -> None:
    picture = typeset(b"#text(sys.inputs.words)", {"words": "Rilis #1 – café"}, format="png")

    assert picture.startswith(b"\x89PNG")


def test_what_typst_objects_to_is_one_sentence_with_what_to_do() -> None:
    with pytest.raises(Broken) as refused:
        typeset(b'#panic("no such week")', {}, format="pdf")

    said = str(refused.value)
    assert "could not be set" in said
    assert "no such week" in said
    assert "\n" not in said
    assert "HTML" in refused.value.hint


def test_a_process_that_dies_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "_SET", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    with pytest.raises(Broken, match="signal 9"):
        typeset(b"", {}, format="pdf")


def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "_SET", "import sys; sys.stdin.read(); import threading; threading.Event().wait()")
    monkeypatch.setattr(typesetting, "PATIENCE", 0.01)

    with pytest.raises(Broken, match="given up"):
        typeset(b"", {}, format="pdf")


def test_the_process_knows_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISSEM_TOKEN", "dsm_rahasia")
    monkeypatch.setattr(typesetting, "_SET", "import os; print(sorted(os.environ))")

    assert b"DISSEM_TOKEN" not in typeset(b"", {}, format="pdf")
