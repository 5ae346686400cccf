"""A release as it is handed in: what its texts may hold, and what is said of a file that cannot be used."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dissem.desk.draft import TITLE, Draft, File, complete, read
from dissem.errors import WrongInput

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def drafted(file: Path) -> Draft:
    return read(file, now=NOW, zone=ZoneInfo("Asia/Jakarta"))


@pytest.mark.parametrize(
    "title", [" Jembatan ditutup ", "Jembatan\nditutup", "Jembatan\r\n ditutup", "Jembatan\t \u2028ditutup"]
)
def test_a_title_is_one_line(title: str) -> None:
    assert Draft(title=title).title == "Jembatan ditutup"


def test_lines_and_tabs_of_a_text_stay_and_end_alike() -> None:
    assert Draft(body="\r\nSatu\r\n\tdua\rtiga\n").body == "Satu\n\tdua\ntiga"


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x9b"])
def test_control_characters_are_refused_by_their_number(sign: str) -> None:
    for make in (_title, _body, _tag, _alt):
        with pytest.raises(WrongInput, match=f"U\\+{ord(sign):04X}"):
            make(f"Awas{sign}banjir")


@pytest.mark.parametrize("sign", ["\u202a", "\u202e", "\u2066", "\u2069"])
def test_signs_that_turn_the_writing_round_are_refused(sign: str) -> None:
    for make in (_title, _body, _tag, _alt):
        with pytest.raises(WrongInput, match="direction of writing"):
            make(f"Awas {sign}banjir")


def _title(text: str) -> object:
    return Draft(title=text)


def _body(text: str) -> object:
    return Draft(body=text)


def _tag(text: str) -> object:
    return Draft(tags=(text,))


def _alt(text: str) -> object:
    return File(Path("foto.jpg"), text)


def test_arabic_and_emoji_are_texts_like_others() -> None:
    title = "Selamat \u0627\u0644\u0639\u064a\u062f \U0001f468\u200d\U0001f469\u200d\U0001f467"

    assert Draft(title=title, body=title).title == title


def test_a_title_is_as_long_as_it_may_be_and_no_longer() -> None:
    assert Draft(title="x" * TITLE).title == "x" * TITLE
    with pytest.raises(WrongInput, match="301"):
        Draft(title="x" * (TITLE + 1))


@pytest.mark.parametrize("title", ["", "   ", "\n"])
def test_a_title_of_blanks_is_no_title(title: str) -> None:
    with pytest.raises(WrongInput, match="title is empty"):
        Draft(title=title)


def test_a_text_of_blanks_is_no_text() -> None:
    with pytest.raises(WrongInput, match="neither text nor media"):
        complete(Draft(title="Jembatan", body=" \n "))


def test_what_is_not_said_stays_unsaid() -> None:
    assert Draft() == Draft(title=None)
    assert Draft(urgent=True).over(Draft(title="Jembatan ")) == Draft(title="Jembatan", urgent=True)


@pytest.mark.parametrize(
    ("front", "place"),
    [("title = \nurgent = true", "line 2, column 9"), ('kind = "photo"\ntags = ["a" 3]', "line 3, column 13")],
)
def test_an_error_in_the_front_matter_is_placed_where_people_see_it_in_the_file(
    tmp_path: Path, front: str, place: str
) -> None:
    (tmp_path / "rilis.md").write_text(f"+++\n{front}\n+++\nIsi.\n")

    with pytest.raises(WrongInput, match=f"TOML: {place}\\."):
        drafted(tmp_path / "rilis.md")


def test_a_file_that_is_not_there_and_a_folder_are_wrong_inputs(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.md", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(WrongInput, match=said):
            drafted(path)
