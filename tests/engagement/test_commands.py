"""What people see of the ledger in a terminal and in a file."""

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counted import DAY, HOUR, JAKARTA, MONDAY, Town

from dissem.channels.adapter import COUNTS
from dissem.cli.engagement import _written
from dissem.cli.main import main
from dissem.cli.sparks import BLOCKS, PLAIN, spark
from dissem.desk import people
from dissem.desk.acting import Acting
from dissem.engagement.ledger import COLUMNS
from dissem.models import Engagement, ForeignPost, Role
from dissem.store.installation import Installation

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    installation: Installation,
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """Runs a command in English as budi, who approves for kominfo."""
    (installation.home / "config.toml").write_text('[office]\nname = "Kota Padang"\n')
    _person, token = people.add_person(Acting(installation, None), "budi", "Budi", agency="kominfo", role=Role.APPROVER)
    for name, value in (("DISSEM_HOME", installation.home), ("DISSEM_TOKEN", token), ("DISSEM_LANG", "en")):
        monkeypatch.setenv(name, str(value))
    if installation.config.database.url:
        monkeypatch.setenv("DISSEM_DATABASE_URL", installation.config.database.url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return command


def sampled(town: Town, title: str = "Banjir surut") -> int:
    """A release on Mastodon, read three times; answers its number."""
    channel = town.channel("toot", platform="mastodon")
    release = town.release(title)
    post = town.published(channel, MONDAY, release, url="https://toot.example/1")
    for days, likes in ((1, 4), (3, 8), (7, 6)):
        at = MONDAY + days * DAY
        known: dict[str, Any] = {"fell": "likes", "missing": {"shares": "few"}} if days == 7 else {}
        town.keep(Engagement(publication_id=post.id or 0, planned=at, at=at, likes=likes, comments=1, **known))
    return release.id or 0


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([0, 50, 100], "▁▄█"),
        ([5, None, 5], "█·█"),
        ([-3, 0], "▁▁"),
        ([None], "·"),
        ([*range(100)], spark([*range(76, 100)], signs=BLOCKS)),
    ],
)
def test_a_course_is_a_line_of_signs_from_nothing_to_the_largest(values: list[int | None], line: str) -> None:
    assert spark(values, signs=BLOCKS) == line


def test_a_terminal_without_utf8_gets_plain_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))

    assert spark([0, None, 100]) == f"{PLAIN[0]} {PLAIN[-1]}"


def test_show_draws_the_course_of_each_post(run: Run, town: Town) -> None:
    number = sampled(town)

    _status, text, _err = run("engagement", "show")
    _status, out, _err = run("engagement", "show", "--json")

    assert f"{number} " in text
    assert spark([4, 8, 6]) in text
    (row,) = json.loads(out)
    assert [(moment["likes"], moment["fell"]) for moment in row["course"]] == [(4, []), (8, []), (6, ["likes"])]
    assert (row["missing"], row["views"]) == ({"shares": "few"}, None)


def test_show_of_one_release_says_of_each_count_why_it_fell_or_is_missing(run: Run, town: Town) -> None:
    number = sampled(town)

    _status, text, _err = run("engagement", "show", str(number))

    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert lines["Likes"].endswith("It fell 1 times.")
    assert lines["Shares"].endswith("Too few people have seen the post yet.")
    assert lines["Views"].endswith("This platform does not count it.")
    assert lines["Comments"].split() == ["Comments", "1", spark([1, 1, 1])]


def test_posts_that_are_not_ours_are_noted_listed_and_known(run: Run, town: Town) -> None:
    channel = town.channel("toot", platform="mastodon")
    town.keep(
        ForeignPost(
            channel_id=channel.id or 0,
            account="1",
            remote_id="666",
            at=MONDAY,
            url="https://toot.example/666",
            text="Hadiah\x1b[2J menanti",
            seen=MONDAY + HOUR,
        )
    )

    _status, _out, noted = run("engagement", "show")
    _status, listed, _err = run("engagement", "foreign")
    _status, known, _err = run("engagement", "foreign", "--known", "toot", "--json")
    _status, _out, afterwards = run("engagement", "show")

    assert "1 posts on the accounts of toot were not made by dissem" in noted
    assert "https://toot.example/666" in listed
    assert "\x1b" not in listed
    assert [one["remote_id"] for one in json.loads(known)] == ["666"]
    assert "not made by dissem" not in afterwards


def test_what_is_known_of_a_channel_that_is_not_there_is_refused(run: Run) -> None:
    status, _out, err = run("engagement", "foreign", "--known", "toot")

    assert status == 1
    assert "toot" in err


def test_an_export_has_a_line_for_every_reading_and_runs_nothing_in_a_spreadsheet(
    run: Run, town: Town, tmp_path: Path
) -> None:
    sampled(town, '=HYPERLINK("http://evil.example")')
    file = tmp_path / "ledger.csv"

    status, out, _err = run("engagement", "export", "--out", str(file), "--json")

    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    assert (status, json.loads(out)["rows"], len(rows)) == (0, 3, 3)
    assert rows[0]["title"].startswith("'=")
    assert (rows[0]["likes"], rows[0]["views"], rows[2]["fell"]) == ("4", "", "likes")
    assert "shares=few" in rows[2]["unavailable"]
    assert rows[0]["read"] == "2026-11-24T00:00:00+07:00"


def test_an_export_names_every_count_and_all_that_a_reading_belongs_to(run: Run, town: Town, tmp_path: Path) -> None:
    number = sampled(town)
    file = tmp_path / "ledger.csv"

    run("engagement", "export", "--out", str(file))

    *_earlier, last = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))
    belongs = {"agency": "kominfo", "channel": "toot", "platform": "mastodon", "release": str(number)}
    assert last.items() >= {**belongs, "kind": "press_release", "url": "https://toot.example/1"}.items()
    assert [last[name] for name in COUNTS] == ["", "", "6", "1", "", "", "", ""]
    assert last["unavailable"].split() == [
        "views=none",
        "reach=none",
        "shares=few",
        "saves=none",
        "clicks=none",
        "watch_seconds=none",
    ]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t=", " ="])
def test_no_text_of_an_export_is_a_formula(run: Run, town: Town, tmp_path: Path, begins: str) -> None:
    evil = f"{begins}cmd()"
    post = town.published(town.channel("toot"), MONDAY, town.release(evil), url=evil, remote_id=evil)
    town.sample(post, MONDAY + HOUR, views=-1)
    file = tmp_path / "ledger.csv"

    run("engagement", "export", "--out", str(file))

    (row,) = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
    assert [row[name] for name in ("title", "url", "remote_id")] == [f"'{evil}"] * 3
    assert row["views"] == "-1"


def test_an_export_holds_one_reading_at_a_time(tmp_path: Path) -> None:
    row = dict.fromkeys(COLUMNS, 1)
    tracemalloc.start()

    count = _written(tmp_path / "ledger.csv", ({**row, "title": f"Judul {n}"} for n in range(20_000)), JAKARTA)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 20_000 * 300  # bytes: a row alone has more than a thousand


def test_an_export_of_some_days_has_both_ends(run: Run, town: Town, tmp_path: Path) -> None:
    sampled(town)
    file = tmp_path / "ledger.csv"

    run("engagement", "export", "--out", str(file), "--since", "2026-11-24", "--until", "2026-11-26")

    assert [row["likes"] for row in csv.DictReader(io.StringIO(file.read_text()))] == ["4", "8"]


def test_an_export_shows_nothing_of_other_agencies(run: Run, town: Town, tmp_path: Path) -> None:
    town.agency("bpbd")
    channel = town.channel("theirs", agency="bpbd")
    town.sample(town.published(channel, MONDAY), MONDAY + HOUR, views=3)
    file = tmp_path / "ledger.csv"

    run("engagement", "export", "--out", str(file))

    assert list(csv.DictReader(io.StringIO(file.read_text()))) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [(("--since", "yesterday"), "There is no day"), (("--until", "2026-02-30"), "2026-02-30")],
)
def test_a_day_that_does_not_exist_is_named(run: Run, tmp_path: Path, options: tuple[str, str], says: str) -> None:
    status, _out, err = run("engagement", "export", "--out", str(tmp_path / "x.csv"), *options)

    assert status == 2
    assert says in err
    assert list(tmp_path.glob("*x.csv*")) == []


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    status, _out, err = run("engagement", "export", "--out", str(tmp_path / "nowhere" / "x.csv"))

    assert status == 2
    assert "cannot be written" in err
