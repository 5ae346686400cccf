"""The commands of `report`: every form, where it goes, and the day that stands on it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from test_cli import Run, home, run, tokens  # noqa: F401 - fixtures

from dissem.cli.report import with_word

DAY = ("--printed", "2026-11-30")
FORMS = {"r.txt": b"Weekly report", "r.json": b"{", "r.html": b"<!DOCTYPE", "r.pdf": b"%PDF-", "r.xlsx": b"PK"}


@pytest.fixture
def ask(run: Run, tokens: dict[str, str]) -> Any:  # noqa: F811
    """Asks for a report of one week as an author does."""
    return lambda *more: run("report", "weekly", "--week", "2026-W47", *more, token=tokens["ani"])


@pytest.mark.parametrize("name", FORMS)
def test_the_ending_of_the_file_says_the_form_and_again_is_the_same_to_the_byte(
    ask: Any, tmp_path: Path, name: str
) -> None:
    documents = []
    for _time in range(2):
        assert ask("--out", str(tmp_path / name), *DAY).status == 0
        documents.append((tmp_path / name).read_bytes())

    assert documents[0].lstrip().startswith(FORMS[name])
    assert documents[0] == documents[1]


def test_csv_into_a_folder_is_a_file_a_table_and_into_a_file_all_of_them(ask: Any, tmp_path: Path) -> None:
    assert ask("--format", "csv", "--out", str(tmp_path / "tables"), *DAY).status == 0
    assert ask("--out", str(tmp_path / "all.csv"), *DAY).status == 0

    names = {file.name for file in (tmp_path / "tables").iterdir()}
    assert {"2026-W47-channels.csv", "2026-W47-agencies.csv", "2026-W47-releases.csv"} <= names
    assert (tmp_path / "all.csv").read_text().startswith("glance")


def test_csv_without_a_place_is_written_out(ask: Any) -> None:
    assert "\nchannels\n" in ask("--format", "csv").out.replace("\r\n", "\n")


def test_the_day_is_today_unless_said(ask: Any) -> None:
    assert json.loads(ask("--json", *DAY).out)["printed"] == "2026-11-30"
    assert json.loads(ask("--json").out)["printed"] > "2026-11-23"


def test_an_audit_adds_up_from_the_readings(ask: Any) -> None:
    assert json.loads(ask("--json", "--raw").out)["source"] == "samples"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--printed", "kemarin"), "kemarin is not a date"),
        (("--format", "doc"), "pdf, xlsx, csv"),
        (("--format", "pdf"), "--out report.pdf"),
        (("--format", "xlsx"), "--out report.xlsx"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(ask: Any, more: tuple[str, ...], said: str) -> None:
    answer = ask(*more)

    assert answer.status == 2
    assert said in answer.err


def test_a_month_is_reported_by_its_own_command(run: Run, tokens: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    book = tmp_path / "month.xlsx"

    told = run("report", "monthly", "--month", "2026-11", "--json", token=tokens["ani"]).json
    assert run("report", "monthly", "--month", "2026-11", "--out", str(book), token=tokens["ani"]).status == 0

    assert told["month"] == "2026-11"
    assert python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(book.read_bytes())).sheet_names
    assert run("report", "monthly", "--month", "2026-W11", token=tokens["ani"]).status == 2


def test_two_weeks_stand_side_by_side_the_week_before_unless_another_is_named(ask: Any) -> None:
    before = json.loads(ask("--compare", "--json").out)
    named = json.loads(ask("--compare", "2026-W40", "--json").out)
    plain = json.loads(ask("--json").out)

    assert (before["week"], before["compared"]["week"]) == ("2026-W47", "2026-W46")
    assert named["compared"]["week"] == "2026-W40"
    assert "compared" not in plain
    assert ask("--compare", "2026-W60").status == 2


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["--compare"], ["--compare", "before"]),
        (["--compare", "--json"], ["--compare", "before", "--json"]),
        (["--compare", "2026-W40"], ["--compare", "2026-W40"]),
        (["--compare=2026-W40", "--json"], ["--compare=2026-W40", "--json"]),
    ],
)
def test_compare_may_stand_alone(given: list[str], read: list[str]) -> None:
    assert list(with_word(given)) == read


@pytest.mark.parametrize("name", FORMS)
def test_a_release_and_an_agency_and_a_comparison_are_reported_in_every_form_with_the_same_bytes_again(
    run: Run,  # noqa: F811
    tokens: dict[str, str],  # noqa: F811
    tmp_path: Path,
    name: str,
) -> None:
    token = tokens["ani"]
    number = run("release", "add", "--title", "Banjir", "--body", "Surut.", "--json", token=token).json["id"]
    file = tmp_path / name
    for command in (
        ("release", str(number)),
        ("agency", "kominfo", "--week", "2026-W47"),
        ("agency", "kominfo", "--month", "2026-11"),
        ("weekly", "--week", "2026-W47", "--compare"),
    ):
        documents = []
        for _time in range(2):
            assert run("report", *command, "--out", str(file), *DAY, token=token).status == 0
            documents.append(file.read_bytes())
        assert documents[0].startswith(FORMS[name]) or name == "r.txt"  # each text has a title of its own
        assert documents[0] == documents[1]


def test_the_report_of_an_agency_says_which_and_an_unknown_one_is_refused(run: Run, tokens: dict[str, str]) -> None:  # noqa: F811
    told = run("report", "agency", "kominfo", "--week", "2026-W47", "--json", token=tokens["ani"]).json
    unknown = run("report", "agency", "nirwana", token=tokens["ani"])

    assert (told["week"], told["agency"]) == ("2026-W47", "kominfo")
    assert {row["agency"] for row in told["channels"]} <= {"kominfo"}
    assert (unknown.status, "nirwana" in unknown.err) == (1, True)


def test_the_report_of_a_release_that_does_not_exist_is_refused(run: Run, tokens: dict[str, str]) -> None:  # noqa: F811
    assert run("report", "release", "404", token=tokens["ani"]).status == 1
