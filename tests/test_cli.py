"""The command line: the main job, what people and programs read, and every wrong input as one sentence."""

import contextlib
import io
import json
import os
import re
import select
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dissem import i18n
from dissem.cli.main import main
from dissem.cli.release import alt_owners, one_to_each
from dissem.clock import utc_now
from dissem.config import Config
from dissem.desk import people
from dissem.desk.acting import Acting
from dissem.errors import WrongInput
from dissem.models import Role
from dissem.store.database import Database
from dissem.store.installation import Installation

NINE = datetime(2090, 8, 17, 2, 0, tzinfo=UTC)  # 09.00 in Jakarta
CONFIG = '[office]\nname = "Kota Padang"\n\n[network]\nallow_hosts = ["127.0.0.1"]\n'
PRESS = "Redaksi <redaksi@harian.example>, berita@radio.example"
PIXEL = Path(__file__).parent.parent / "dissem" / "rehearsal" / "material"


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


# about the file of SQLite, or looking into it
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in English and in this process, away from every real folder; `stdin` is no terminal."""
    for variable, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("HOME", "user")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.setenv("DISSEM_LANG", "en")
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def command(*arguments: str, token: str = "", stdin: str = "") -> Answer:
        if token:
            monkeypatch.setenv("DISSEM_TOKEN", token)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        status = main(arguments)
        printed = capsys.readouterr()
        return Answer(status, printed.out, printed.err)

    return command


@pytest.fixture
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation on each kind of database, without people; commands find it by DISSEM_HOME."""
    from dissem.store.vault import make_key

    folder = tmp_path / "home"
    (folder / "data" / "media").mkdir(parents=True)
    (folder / "jobs").mkdir()
    (folder / "config.toml").write_text(CONFIG)
    make_key(folder / "key")
    monkeypatch.setenv("DISSEM_HOME", str(folder))
    if database_url:
        monkeypatch.setenv("DISSEM_DATABASE_URL", database_url)
    return folder


def enter(installation: Installation) -> dict[str, str]:
    """An agency and people of every role; their tokens by username."""
    desk = Acting(installation, None)
    people.add_agency(desk, "kominfo", "Dinas Kominfo")
    people.add_agency(desk, "dishub", "Dinas Perhubungan")
    wanted = (
        ("siti", None, Role.ADMIN),
        ("ani", "kominfo", Role.AUTHOR),
        ("budi", "kominfo", Role.APPROVER),
        ("citra", "dishub", Role.AUTHOR),
    )
    return {
        name: people.add_person(desk, name, name.title(), agency=agency, role=role)[1] for name, agency, role in wanted
    }


@pytest.fixture
def tokens(home: Path) -> dict[str, str]:
    installation = Installation.open(home)
    made = enter(installation)
    installation.close()
    return made


@pytest.fixture
def website(run: Run, tokens: dict[str, str]) -> str:
    """A channel that publishes into a folder."""
    arguments = ("channel", "add", "website", "--platform", "newsroom", "--agency", "kominfo")
    assert run(*arguments, "--set", "folder=newsroom", token=tokens["siti"]).status == 0
    return "website"


@pytest.fixture
def press(run: Run, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A channel that writes to two addresses; its mail server is away."""
    monkeypatch.setenv("MAIL_PASSWORD", "hush-hush")
    settings = ("host=127.0.0.1", "port=9", "sender=Humas <humas@padang.example>", f"recipients={PRESS}")
    given = [word for one in settings for word in ("--set", one)]
    arguments = ("channel", "add", "press", "--platform", "email", "--agency", "kominfo", *given)
    answer = run(*arguments, "--secret-env", "password=MAIL_PASSWORD", token=tokens["siti"])
    assert answer.status == 0, answer.err
    return "press"


def draft(run: Run, token: str, *more: str) -> int:
    answer = run("release", "add", "--title", "Jembatan ditutup", "--body", "Isi rilis.", *more, "--json", token=token)
    assert answer.status == 0, answer.err
    number: int = answer.json["id"]
    return number


# init


def test_init_lays_out_an_installation_that_only_its_owner_reads(run: Run, tmp_path: Path) -> None:
    answer = run("init", str(tmp_path / "padang"), "--admin", "siti", "--office", 'Kota "Padang"')

    assert answer.status == 0
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "padang").rglob("*")}
    assert {"config.toml", "jobs", "data", "media", "key", "dissem.db", "weekly-report.toml"} <= set(modes)
    assert all(mode in (0o600, 0o700) for mode in modes.values())
    assert stat.S_IMODE((tmp_path / "padang").stat().st_mode) == 0o700
    settings = run("config", "show", "--json", "--dir", str(tmp_path / "padang")).json["settings"]
    assert settings["office.name"] == {"value": 'Kota "Padang"', "origin": "config.toml"}


def test_the_token_of_init_opens_the_installation_and_stands_alone_on_standard_output(run: Run, tmp_path: Path) -> None:
    answer = run("init", str(tmp_path / "padang"), "--admin", "siti")

    people_there = run("person", "list", "--json", "--dir", str(tmp_path / "padang"), token=answer.out.strip())
    assert [(p["username"], p["role"], p["agency"]) for p in people_there.json] == [("siti", "admin", None)]
    assert "token_hash" not in people_there.out


def test_init_tells_programs_the_token_once(run: Run, tmp_path: Path) -> None:
    answer = run("init", str(tmp_path / "padang"), "--admin", "siti", "--json")

    assert answer.json["username"] == "siti"
    assert answer.json["token"].startswith("dsm_")
    assert answer.err == ""


def test_init_without_an_admin_leaves_nothing(run: Run, tmp_path: Path) -> None:
    answer = run("init", str(tmp_path / "padang"))

    assert (answer.status, "--admin" in answer.err) == (2, True)
    assert not (tmp_path / "padang").exists()


def test_init_refuses_a_zone_that_does_not_exist_before_anything_is_an_installation(run: Run, tmp_path: Path) -> None:
    answer = run("init", str(tmp_path / "padang"), "--admin", "siti", "--timezone", "Asia/Padang")

    assert answer.status == 2
    assert not (tmp_path / "padang" / "config.toml").exists()


def test_init_changes_nothing_where_an_installation_is(run: Run, tmp_path: Path) -> None:
    run("init", str(tmp_path / "padang"), "--admin", "siti")
    before = {p: p.read_bytes() for p in (tmp_path / "padang").glob("*") if p.is_file()}

    answer = run("init", str(tmp_path / "padang"), "--admin", "budi")

    assert (answer.status, answer.out) == (1, "")
    assert {p: p.read_bytes() for p in before} == before


@ON_SQLITE
def test_init_finishes_what_was_begun_before(run: Run, home: Path) -> None:
    (home / "data" / "dissem.db").unlink()

    answer = run("init", str(home), "--admin", "siti", "--json")

    assert answer.json["username"] == "siti"


@ON_SQLITE
def test_init_brings_an_older_database_up_to_date(
    run: Run, home: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dissem.store.database.HEAD", "9999")
    monkeypatch.setattr("dissem.store.migrate.migrate", lambda database: _set_version(home, "9999"))

    answer = run("init", str(home))

    assert (answer.status, "up to date" in answer.out) == (0, True)


@ON_SQLITE
def test_init_does_not_touch_a_database_that_no_migration_starts_from(
    run: Run, home: Path, tokens: dict[str, str]
) -> None:
    _set_version(home, "0000")

    answer = run("init", str(home))

    assert (answer.status, answer.out, "0000" in answer.err) == (1, "", True)
    assert "unexpected" not in answer.err


def test_init_makes_no_new_key_for_a_database_that_was_sealed_with_another(run: Run, home: Path) -> None:
    (home / "key").unlink()

    answer = run("init", str(home), "--admin", "siti")

    assert answer.status == 1
    assert not (home / "key").exists()


def test_every_setting_in_the_written_config_is_its_default(run: Run, tmp_path: Path) -> None:
    import tomllib

    from dissem.cli.init import config_text

    written = config_text({})
    active = "\n".join(line.removeprefix("# ") if " = " in line else line for line in written.splitlines())

    assert Config.model_validate(tomllib.loads(active)) == Config()


# People and logging in


def test_the_token_of_login_is_kept_for_this_user_alone(run: Run, tokens: dict[str, str], tmp_path: Path) -> None:
    answer = run("login", stdin=tokens["ani"] + "\n")

    kept = tmp_path / "config" / "dissem" / "token"
    assert answer.status == 0
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert run("release", "list", "--json").json == []


def test_a_wrong_token_is_not_kept(run: Run, tokens: dict[str, str], tmp_path: Path) -> None:
    answer = run("login", stdin="dsm_wrong\n")

    assert (answer.status, "token" in answer.err) == (1, True)
    assert "dsm_wrong" not in answer.err
    assert not (tmp_path / "config" / "dissem" / "token").exists()


def test_nobody_is_told_to_log_in(run: Run, home: Path) -> None:
    answer = run("release", "list")

    assert (answer.status, "dissem login" in answer.err) == (1, True)


def test_without_a_login_only_an_admin_gets_a_new_token(run: Run, tokens: dict[str, str]) -> None:
    admin, author = run("person", "token", "siti", "--json"), run("person", "token", "ani")

    assert admin.json["token"] != tokens["siti"]
    assert (author.status, author.out) == (1, "")
    assert run("person", "list", token=tokens["siti"]).status == 1  # the old one no longer works


def test_an_unknown_role_is_answered_with_the_known_ones(run: Run, tokens: dict[str, str]) -> None:
    answer = run("person", "add", "eka", "Eka", "--role", "boss", token=tokens["siti"])

    assert (answer.status, "coordinator" in answer.err) == (2, True)


# Channels


def test_a_secret_comes_from_a_variable_or_a_file_and_never_out_again(
    run: Run, tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASTODON", "s3cret-mastodon")
    (tmp_path / "bot").write_text("123:s3cret-telegram\n")
    masto = ("channel", "add", "masto", "--platform", "mastodon", "--agency", "kominfo")
    telegram = ("channel", "add", "kanal", "--platform", "telegram", "--agency", "kominfo", "--set", "chat=@padang")
    api = ("--set", "api_url=http://127.0.0.1:9", "--json")

    answers = [
        run(*masto, *api, "--secret-env", "access_token=MASTODON", token=tokens["siti"]),
        run(*telegram, *api, "--secret-file", f"bot_token={tmp_path / 'bot'}"),
        run("channel", "list", "--json"),
    ]

    assert [answer.status for answer in answers] == [0, 0, 0]
    assert answers[0].json["problem"]  # the account could not be asked, and the channel is kept
    assert [row["secret_names"] for row in answers[2].json] == [["bot_token"], ["access_token"]]
    assert "s3cret" not in "".join(answer.out + answer.err for answer in answers)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "access_token"),
        (("--secret-env", "access_token=NOT_THERE"), "NOT_THERE"),
        (("--secret-file", "access_token=/not/there"), "/not/there"),
        (("--secret-file", "access_token=/"), "/ is a folder"),
        (("--secret-file", "s3cret"), "KEY=VALUE"),
        (("--set", "access_token=s3cret"), "--secret-env access_token=VARIABLE"),
        (("--set", "gap=s3cret", "--secret-env", "access_token=HOME"), "cannot be used: It is not a number."),
        (("--set", "gap=-1", "--secret-env", "access_token=HOME"), "cannot be used: It is below 0."),
        (("--set", "on_absent=s3cret", "--secret-env", "access_token=HOME"), "Possible: hold, resend_once."),
        (("--set", "api=s3cret", "--secret-env", "access_token=HOME"), "api"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_without_it(
    run: Run, tokens: dict[str, str], arguments: Sequence[str], said: str
) -> None:
    answer = run(
        "channel", "add", "m", "--platform", "mastodon", "--agency", "kominfo", *arguments, token=tokens["siti"]
    )

    assert answer.status == 2
    assert said in answer.err
    assert "s3cret" not in answer.err


def _read(terminal: int, until: bytes = b"\0") -> bytes:
    """What is written on *terminal* until *until* or the end of the command, which should come soon."""
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed when the command is over
        while until not in seen and select.select([terminal], [], [], 30)[0]:
            seen += os.read(terminal, 1000)
    return seen


def test_a_missing_secret_is_asked_for_on_a_terminal_without_showing_it(
    run: Run, home: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISSEM_TOKEN", tokens["siti"])
    arguments = ["channel", "add", "masto", "--platform", "mastodon", "--agency", "kominfo"]
    terminal, end = os.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "dissem.cli.main", *arguments, "--set", "api_url=http://127.0.0.1:9"],
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)

    seen = _read(terminal, until=b"access_token: ")  # its last blank is written when nothing is shown any more
    os.write(terminal, b"s3cret-mastodon\n")
    seen += _read(terminal)
    os.close(terminal)  # a command that still waits is told that its terminal is gone

    assert asking.wait(30) == 0, seen
    assert b"s3cret" not in seen
    assert run("channel", "list", "--json").json[0]["secret_names"] == ["access_token"]


def test_platforms_need_no_installation_and_tell_settings_and_limits(run: Run) -> None:
    known = {one["platform"]: one for one in run("channel", "platforms", "--json").json}

    settings = {one["name"]: one for one in known["mastodon"]["settings"]}
    assert settings["access_token"] == {
        "name": "access_token",
        "secret": True,
        "required": True,
        "default": None,
        "description": settings["access_token"]["description"],
    }
    assert settings["api_url"]["default"] == "https://mastodon.social"
    assert known["mastodon"]["facts"]["text"] == 500
    assert "500" in run("channel", "platforms").out


def test_platforms_say_what_each_takes_can_do_counts_and_is_known_after_a_lost_answer(run: Run) -> None:
    known = {one["platform"]: one for one in run("channel", "platforms", "--json").json}

    assert len(known) >= 15
    for name, one in known.items():
        assert one["takes"], name
        assert set(one["certainty"]) <= {"keyed", "staged", "readable", "blind"}, name
        assert len(one["after_a_lost_answer"]) == len(one["certainty"]) > 0, name
        assert one["abilities"] or one["facts"]["images"] == 0, name
    assert known["facebook"]["certainty"] == ["staged", "readable"]
    assert known["telegram"]["certainty"] == ["blind"]
    assert known["instagram"]["posts_a_day"] == 50
    assert known["mastodon"]["figures"] == ["likes", "comments", "shares"]
    assert known["facebook"]["api"] == "v26.0"


def test_platforms_are_described_in_words(run: Run) -> None:
    blocks = {block.partition(":")[0]: block for block in run("channel", "platforms").out.split("\n\n")[::2]}

    assert "nothing can be looked up: a person decides" in blocks["telegram"]
    assert "4,096 letters (1,024 beside media)" in blocks["telegram"]
    assert "long texts as a thread" in blocks["mastodon"]
    assert "at least 3 s long, at most 1 min long" in blocks["facebook-story"]
    assert "no text" in blocks["facebook-story"]
    assert "at most 2 min 20 s long" in blocks["x"]
    assert "alt text of 1,500 letters" in blocks["mastodon"]
    assert "4.7" in blocks["mastodon"]
    assert "50" in blocks["instagram"].partition("Posts a day")[2]


def test_the_last_day_of_an_interface_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace
    from datetime import date

    from dissem.channels.newsroom import Newsroom

    monkeypatch.setattr(Newsroom, "facts", replace(Newsroom.facts, api="v1", sunset=date(2027, 1, 23)))

    assert "v1, until 23 January 2027" in run("channel", "platforms").out
    [newsroom] = [one for one in run("channel", "platforms", "--json").json if one["platform"] == "newsroom"]
    assert newsroom["last_day"] == "2027-01-23"


def test_a_paused_channel_is_shown_as_paused(run: Run, tokens: dict[str, str], website: str) -> None:
    run("channel", "pause", website, token=tokens["budi"])

    assert [row["state"] for row in run("channel", "list", "--json").json] == ["paused"]
    assert run("channel", "resume", website, "--json").json["state"] == "active"


def test_connect_says_that_it_is_not_there_yet(run: Run, tokens: dict[str, str], website: str) -> None:
    answer = run("channel", "connect", website, token=tokens["siti"])

    assert (answer.status, "channel edit" in answer.err) == (1, True)


# The main job


@pytest.mark.parametrize("command", ["release list", "--help"])
def test_a_command_whose_output_was_closed_ends_quietly(
    run: Run, home: Path, tokens: dict[str, str], command: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "dissem.cli.main", *command.split()],
        env={**os.environ, "DISSEM_TOKEN": tokens["ani"]},
        stderr=subprocess.PIPE,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, b"")


def test_what_is_done_without_any_open_stream_is_done(run: Run, home: Path, tokens: dict[str, str]) -> None:
    arguments = ["release", "add", "--title", "Jembatan", "--body", "Isi."]

    subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "dissem.cli.main", *arguments],
        env={**os.environ, "DISSEM_TOKEN": tokens["ani"]},
        check=False,
    )

    assert [row["title"] for row in run("release", "list", "--json", token=tokens["ani"]).json] == ["Jembatan"]


def test_a_release_goes_from_draft_to_published_by_commands_alone(
    run: Run, tokens: dict[str, str], website: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_hour_ago = utc_now() - timedelta(hours=1)
    monkeypatch.setattr(Acting.__init__, "__defaults__", (lambda: an_hour_ago,))  # people did their part then
    number = draft(run, tokens["ani"], "--link", "https://padang.go.id/x")

    scheduled = run("schedule", str(number), "--to", website, "--at", "2 menit lagi", "--json")
    submitted = run("release", "submit", str(number), "--json")
    own = run("release", "approve", str(number))
    approved = run("release", "approve", str(number), "--json", token=tokens["budi"])
    daemon = run("daemon", "--until-idle")

    assert [d["state"] for d in scheduled.json] == ["proposed"]
    assert submitted.json["state"] == "submitted"
    assert own.status == 1
    assert (approved.json["state"], approved.json["content_hash"]) == ("approved", submitted.json["content_hash"])
    assert daemon.status == 0, daemon.err
    shown = run("delivery", "show", str(scheduled.json[0]["id"]), "--json").json
    assert shown["state"] == "published"
    assert shown["attempts"] == 1
    assert shown["url"].startswith("file://")
    assert run("queue", "--state", "published", "--json").json[0]["remote_id"] == shown["remote_id"]
    assert run("engagement", "show", "--json").json[0]["views"] is None


def test_a_delivery_has_the_promised_keys_and_local_times(run: Run, tokens: dict[str, str], website: str) -> None:
    number = draft(run, tokens["ani"])

    answer = run("schedule", str(number), "--to", website, "--at", "2090-08-17T09:30", "--json")

    promised = {"id", "release", "channel", "platform", "state", "due", "attempts", "remote_id", "url", "reason"}
    assert promised <= set(answer.json[0])
    assert answer.json[0]["due"] == "2090-08-17T09:30:00+07:00"
    assert (answer.json[0]["remote_id"], answer.json[0]["reason"]) == (None, None)
    assert answer.err == ""


def test_a_release_has_the_promised_keys(run: Run, tokens: dict[str, str]) -> None:
    number = draft(run, tokens["ani"])

    shown = run("release", "show", str(number), "--json").json

    assert {"id", "kind", "state", "title", "agency", "content_hash"} <= set(shown)
    assert (shown["agency"], shown["author"], shown["content_hash"]) == ("kominfo", "ani", None)


@pytest.mark.parametrize("now", ["sekarang", "segera", "now"])
def test_a_release_may_be_scheduled_for_now(
    run: Run, tokens: dict[str, str], website: str, monkeypatch: pytest.MonkeyPatch, now: str
) -> None:
    moments = (NINE + timedelta(milliseconds=990 + 20 * n) for n in range(100))  # the full second is over very soon
    monkeypatch.setattr(Acting.__init__, "__defaults__", (lambda: next(moments),))
    number = draft(run, tokens["ani"])

    scheduled = run("schedule", str(number), "--to", website, "--at", now, "--json")
    moved = run("delivery", "reschedule", str(scheduled.json[0]["id"]), "--at", now, "--json")

    assert scheduled.json[0]["due"].startswith("2090-08-17T09:00:0")
    assert (scheduled.status, moved.status, moved.err) == (0, 0, "")


def test_submit_and_approve_repeat_what_preview_warns_of(
    run: Run, tokens: dict[str, str], website: str, tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("RGB", (640, 480), "teal").save(tmp_path / "foto.jpg")
    numbers = [str(draft(run, tokens["ani"], "--media", str(tmp_path / "foto.jpg"))) for _ in range(2)]
    for number in numbers:
        run("schedule", number, "--to", website, "--at", "2090-08-17T09:30")

    previewed = run("preview", numbers[0], "--json").json[0]["warnings"]
    submitted = [run("release", "submit", numbers[0]), run("release", "submit", numbers[1], "--json")]
    approved = [run("release", "approve", numbers[0], token=tokens["budi"])]
    approved.append(run("release", "approve", numbers[1], "--json"))

    assert "foto.jpg has no alternative text" in previewed[0]
    for people_see, programs in (submitted, approved):
        assert people_see.out.splitlines()[1:] == [f"! {website}: {previewed[0]}"]
        assert programs.json["warnings"] == [{"channel": website, "warning": previewed[0]}]


@ON_SQLITE
def test_submitting_is_not_recorded_as_looking_at_what_was_submitted(
    run: Run, home: Path, tokens: dict[str, str], website: str
) -> None:
    number = str(draft(run, tokens["ani"]))
    run("schedule", number, "--to", website, "--at", "2090-08-17T09:30")

    run("release", "submit", number, token=tokens["budi"])
    again = run("release", "submit", number)

    assert again.status == 1
    with sqlite3.connect(home / "data" / "dissem.db") as database:
        looks = database.execute("SELECT count(*) FROM audit_entry WHERE action = 'release.preview'").fetchone()
    database.close()
    assert looks == (0,)


@ON_SQLITE
def test_a_wide_cell_is_cut_visibly_in_a_pipe_and_whole_for_programs(
    run: Run, home: Path, tokens: dict[str, str]
) -> None:
    draft(run, tokens["ani"])
    _change(home, "UPDATE release SET title = :title", title="x" * 1000)

    shown, programs = run("release", "list"), run("release", "list", "--json")

    assert max(map(len, shown.out.splitlines())) < 200
    assert "x…" in shown.out
    assert programs.json[0]["title"] == "x" * 1000


def test_a_state_that_no_delivery_has_is_told_from_an_empty_queue(run: Run, tokens: dict[str, str]) -> None:
    empty, published = run("queue", token=tokens["ani"]), run("queue", "--state", "published")

    assert (empty.out, published.out) == ("Nothing is waiting.\n", "There is no delivery with that state.\n")


@pytest.mark.parametrize("title", ["   ", "Awas\x00banjir", "Awas \u202ebanjir", "x" * 301])
def test_a_title_that_nobody_could_read_is_refused_on_every_way_in(
    run: Run, tokens: dict[str, str], tmp_path: Path, title: str
) -> None:
    number = draft(run, tokens["ani"])
    (tmp_path / "rilis.md").write_text(f"+++\ntitle = {json.dumps(title)}\n+++\nIsi.\n")

    answers = [
        run("release", "add", "--title", title, "--body", "x"),
        run("release", "edit", str(number), "--title", title),
        run("release", "add", str(tmp_path / "rilis.md")),
    ]

    assert [(answer.status, len(answer.err.splitlines())) for answer in answers] == [(2, 2)] * 3
    assert run("release", "show", str(number), "--json").json["title"] == "Jembatan ditutup"


def test_the_time_is_echoed_in_full_for_people(run: Run, tokens: dict[str, str], website: str) -> None:
    number = draft(run, tokens["ani"])

    answer = run("schedule", str(number), "--to", website, "--at", "2090-08-17T09:30")

    assert "Time: Thursday, 17 August 2090 at 09:30 WIB" in answer.err


def test_options_win_over_the_file(run: Run, tokens: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "rilis.md"
    file.write_text('+++\ntitle = "Dari berkas"\ntags = ["Padang"]\n+++\nIsi **berkas**.\n')

    answer = run("release", "add", str(file), "--title", "Dari pilihan", "--json", token=tokens["ani"])

    assert (answer.json["title"], answer.json["tags"], answer.json["body"]) == (
        "Dari pilihan",
        ["Padang"],
        "Isi **berkas**.",
    )


def test_each_alt_belongs_to_the_media_before_it(run: Run, tokens: dict[str, str]) -> None:
    photos = sorted(PIXEL.glob("*.jpg"))[:2]
    if len(photos) < 2:
        pytest.skip("the rehearsal's material has no two photos")
    first, second = map(str, photos)

    number = draft(run, tokens["ani"], "--media", first, "--media", second, "--alt", "Sebuah jembatan")

    media = run("release", "show", str(number), "--json").json["media"]
    assert [one["alt"] for one in media] == ["", "Sebuah jembatan"]


@pytest.mark.parametrize(
    ("arguments", "owners"),
    [
        (["--media", "a", "--alt", "x", "--media=b"], [0]),
        (["--media=a", "--media", "b", "--alt=x"], [1]),
        (["--alt", "x", "--media", "a"], [-1]),
        (["--media", "a", "--alt", "--media", "--media", "b"], [0]),
    ],
)
def test_an_alt_knows_its_media(arguments: list[str], owners: list[int]) -> None:
    assert list(alt_owners(arguments)) == owners


def test_an_alt_without_a_file_is_refused(run: Run, tokens: dict[str, str]) -> None:
    answer = run("release", "add", "--title", "x", "--alt", "Sebuah jembatan", token=tokens["ani"])

    assert (answer.status, "Sebuah jembatan" in answer.err) == (2, True)


def test_several_channels_may_follow_one_to() -> None:
    arguments = ["--to", "a", "b", "7", "--at", "besok jam 9", "--to", "c"]

    assert list(one_to_each(arguments)) == ["--to", "a", "--to", "b", "7", "--at", "besok jam 9", "--to", "c"]


def test_a_schedule_with_one_unknown_channel_proposes_none(run: Run, tokens: dict[str, str], website: str) -> None:
    number = draft(run, tokens["ani"])

    answer = run("schedule", str(number), "--to", website, "websit", "--at", "2090-08-17T09:30")

    assert (answer.status, "Did you mean website?" in answer.err) == (1, True)
    assert run("queue", "--json").json == []


def test_preview_shows_what_is_sent_and_how_long_it_is(run: Run, tokens: dict[str, str], website: str) -> None:
    number = draft(run, tokens["ani"], "--link", "https://padang.go.id/x")

    people_see, programs = (
        run("preview", str(number), "--channel", website),
        run("preview", str(number), "--channel", website, "--json"),
    )

    (one,) = programs.json
    assert (one["channel"], one["platform"], one["warnings"]) == (website, "newsroom", [])
    assert one["parts"][0]["length"] == len(one["parts"][0]["text"])
    assert one["parts"][0]["body"] == "Isi rilis."
    assert f"    {one['parts'][0]['text']}" in people_see.out
    assert "https://padang.go.id/x" in people_see.out


def test_people_of_another_agency_see_nothing_of_it(run: Run, tokens: dict[str, str], website: str) -> None:
    number = draft(run, tokens["ani"])
    run("schedule", str(number), "--to", website, "--at", "2090-08-17T09:30")

    assert run("queue", "--json", token=tokens["citra"]).json == []
    assert run("release", "list", "--json").json == []
    assert run("engagement", "show", "--json").json == []
    assert run("release", "show", str(number)).status == 1


def test_a_verdict_needs_one_answer(run: Run, tokens: dict[str, str]) -> None:
    neither, both = run("delivery", "resolve", "1"), run("delivery", "resolve", "1", "--absent", "--published", "x")

    assert (neither.status, both.status) == (2, 2)


@ON_SQLITE
def test_what_a_terminal_would_obey_is_shown_as_marks(run: Run, home: Path, tokens: dict[str, str]) -> None:
    title = "Awas \x1b[2J\u202ebanjir"
    draft(run, tokens["ani"])
    _change(home, "UPDATE release SET title = :title", title=title)

    shown, programs = run("release", "list"), run("release", "list", "--json")

    assert "\x1b" not in shown.out + programs.out
    assert "\u202e" not in shown.out + programs.out
    assert programs.json[0]["title"] == title


# On each database


@pytest.fixture
def either_home(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (installation.home / "config.toml").write_text(CONFIG)
    monkeypatch.setenv("DISSEM_HOME", str(installation.home))
    if installation.config.database.url:
        monkeypatch.setenv("DISSEM_DATABASE_URL", installation.config.database.url)
    return installation.home


def test_the_largest_number_of_a_database_is_looked_for_on_both(
    run: Run, either_home: Path, installation: Installation
) -> None:
    token = enter(installation)["ani"]

    answers = [run("release", "show", str(2**31 - 1), token=token), run("queue", "--limit", "10000")]

    assert [answer.status for answer in answers] == [1, 0]
    assert "There is no release" in answers[0].err


def test_lists_are_the_same_on_both_databases(run: Run, either_home: Path, installation: Installation) -> None:
    tokens = enter(installation)
    run(
        "channel",
        "add",
        "web",
        "--platform",
        "newsroom",
        "--agency",
        "kominfo",
        "--set",
        "folder=n",
        token=tokens["siti"],
    )
    number = draft(run, tokens["ani"])
    run("schedule", str(number), "--to", "web", "--at", "2090-08-17T09:30")

    answers = {
        name: run(*name.split(), "--json")
        for name in (
            "queue",
            "release list",
            f"release show {number}",
            "channel list",
            "engagement show",
            "report weekly",
        )
    }

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 0)
    assert [d["channel"] for d in answers["queue"].json] == ["web"]
    assert {"week", "from", "to", "totals", "channels", "agencies", "releases"} <= set(answers["report weekly"].json)
    assert run("audit", "verify", "--json").json["whole"] is True
    assert run("job", "list", "--json").json == []


# Wrong inputs: one sentence, never a traceback


@pytest.fixture
def broken(home: Path, tokens: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Files that are not what they should be."""
    (tmp_path / "bad.md").write_text("+++\ntitle = \nurgent = true\n+++\n")
    (tmp_path / "open.md").write_text("+++\ntags = [\n+++\n")
    (tmp_path / "key.md").write_text('+++\ntitel = "x"\n+++\n')
    (tmp_path / "shape.md").write_text('+++\ntitle = "x"\nmedia = "foto.jpg"\n+++\n')
    (tmp_path / "fake.jpg").write_text("bukan gambar")
    return {"folder": str(tmp_path), "token": tokens["ani"]}


@ON_SQLITE
@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("release add {folder}/not-there.md", 2, "not-there.md"),
        ("release add {folder}", 2, "is a folder"),
        ("release add {folder}/bad.md", 2, "TOML: line 2, column 9."),
        ("release add {folder}/open.md", 2, "TOML: at its end."),
        ("release add {folder}/key.md", 2, "Did you mean title?"),
        ("release add --title x --media {folder}/fake.jpg", 2, "fake.jpg"),
        ("release add --title x --media {folder}/not-there.jpg", 2, "not-there.jpg"),
        ("release add {folder}/shape.md", 2, "media"),
        ("release add --title x --kind pers", 2, "press_release"),
        ("release add --title x --body y --link padang", 2, "https://"),
        ("release add --title x --body y --until 2020-01-01T09:00", 2, "past"),
        ("release show 99", 1, "99"),
        (f"release show {'9' * 30}", 2, "too large"),
        (f"release edit {2**31} --title x", 2, "too large"),
        (f"release show {'9' * 5000}", 2, "not a number"),
        ("release show 0", 2, "too small; the least is 1."),
        (f"delivery show {'9' * 30}", 2, "too large"),
        (f"engagement show {'9' * 30}", 2, "too large"),
        ("release show x", 2, "RELEASE"),
        ("release show", 2, "RELEASE"),
        ("release list --state gone", 2, "approved"),
        ("release edit 1", 2, "change"),
        ("schedule 1 --to website --at 2020-01-01T09:00", 2, "past"),
        ("schedule 1 --to website --at kemarin", 2, "past"),
        ("schedule 1 --to website --at 2090-02-31T09:00", 2, "2090-02-31"),
        ("schedule 1 --at besok", 2, "--to is missing"),
        ("queue --state foo", 2, "waiting"),
        ("queue --limit 0", 2, "--limit: 0 is too small; the least is 1."),
        ("queue --limit 10001", 2, "--limit: 10001 is too large; the most is 10000."),
        (f"queue --limit {'9' * 30}", 2, "too large"),
        (f"engagement collect --limit {'9' * 30}", 2, "too large"),
        ("queue --limit many", 2, "not a number"),
        ("queue --channel foo", 1, "foo"),
        ("queue --foo", 2, "--foo"),
        ("queue --state", 2, "--state needs a value"),
        ("queue foo", 2, "foo"),
        ("quueue", 2, "Did you mean queue?"),
        ("release shwo 1", 2, "Did you mean show?"),
        ("delivery show 99", 1, "99"),
        ("channel add x --platform mastodn --agency kominfo", 2, "Did you mean mastodon?"),
        ("report weekly --week 2026-W60", 2, "60"),
        ("report weekly --format pdf", 2, "pdf"),
        ("report weekly --format doc", 2, "html"),
        ("report weekly --out {folder}/none/report.html", 1, "none/report.html does not exist"),
        ("report weekly --out {folder}", 1, "is a folder"),
        ("job run weekly", 1, "weekly"),
        ("backup {folder}/none/backup.tar", 1, "none"),
        ("restore {folder}/backup.tar", 1, "backup.tar does not exist"),
        ("restore", 2, "--by-hand"),
        ("rehearsal serve facebok", 2, "facebook"),
        ("worker", 1, "daemon"),
        ("--lang fr queue", 2, "fr"),
        ("--dir {folder}/nowhere queue", 1, "nowhere"),
    ],
)
def test_a_wrong_input_is_answered_in_one_sentence(
    run: Run, broken: dict[str, str], command: str, status: int, said: str
) -> None:
    arguments = command.format(**broken).split()

    answer = run(*arguments, token=broken["token"])

    assert (answer.status, answer.out) == (status, "")
    assert said in answer.err
    assert "Error: " in answer.err
    assert "Traceback" not in answer.err
    assert "unexpected" not in answer.err
    assert len(answer.err.splitlines()) <= 3


def test_a_day_that_is_not_in_the_calendar_is_one_sentence(run: Run, tokens: dict[str, str], website: str) -> None:
    number = draft(run, tokens["ani"])

    answer = run("schedule", str(number), "--to", website, "--at", "31 Februari 2090 jam 9")

    assert (answer.status, '"31 Februari 2090" does not exist' in answer.err) == (2, True)
    assert len(answer.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("command", "error"), [("release show 99", "NotFound"), ("queue --foo", "WrongInput"), ("relese", "WrongInput")]
)
def test_programs_read_an_error_as_json_on_standard_error(
    run: Run, tokens: dict[str, str], command: str, error: str
) -> None:
    answer = run(*command.split(), "--json", token=tokens["ani"])

    told = json.loads(answer.err)
    assert answer.out == ""
    assert set(told) == {"error", "message", "hint"}
    assert told["error"] == error
    assert told["message"]


def test_a_bad_token_is_refused_and_not_repeated(run: Run, tokens: dict[str, str]) -> None:
    answer = run("release", "list", token="dsm_found-on-a-note")

    assert (answer.status, "not valid" in answer.err) == (1, True)
    assert "found-on-a-note" not in answer.err


def test_an_unknown_setting_is_named_with_what_was_meant(run: Run, home: Path) -> None:
    (home / "config.toml").write_text('[office]\nnama = "rahasia"\n')

    answer = run("release", "list")

    assert (answer.status, "Did you mean name?" in answer.err) == (2, True)
    assert "rahasia" not in answer.err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[office]\nlanguage = "fr"', "office.language cannot be used: It is not written as it should be."),
        ('[office]\nlanguage = "fr"', "id or en"),
        ("[office]\nname = 3", "It is not a text."),
        ("[daemon]\nsenders = 1", "It is below 2."),
        ("[daemon]\nsenders = 1000", "It is above 512."),
        ('[daemon]\nsenders = "many"', "It is not a whole number."),
        ("[daemon]\nsenders = 2.5", "It is not a whole number."),
        ("[network]\nallow_hosts = 3", "It is not a list."),
        ("[windows]\nurgent = []", "It is not a span of time."),
        ("office = 3", "It is not a table of settings."),
    ],
)
def test_a_wrong_setting_is_explained_in_words_of_ours(run: Run, home: Path, settings: str, said: str) -> None:
    (home / "config.toml").write_text(settings)

    answer = run("queue")

    assert (answer.status, said in answer.err) == (2, True), answer.err
    assert not re.search("[Ii]nput|should (be|match)|valid", answer.err.replace("as it should be", ""))


def test_a_plain_postgresql_address_gets_the_driver(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISSEM_DATABASE_URL", "postgresql://dissem@db:5432/dissem")

    settings = run("config", "show", "--json").json["settings"]

    assert settings["database.url"]["value"] == "postgresql+psycopg://dissem@db:5432/dissem"


def test_a_config_that_is_no_toml_is_one_sentence(run: Run, home: Path) -> None:
    (home / "config.toml").write_text("[office\n")

    answer = run("queue")

    assert (answer.status, "TOML: line 1, column 8." in answer.err) == (2, True)


@ON_SQLITE
def test_a_locked_database_is_one_sentence(
    run: Run, home: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy", 0.01)
    other = sqlite3.connect(home / "data" / "dissem.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    answer = run("release", "add", "--title", "x", "--body", "y", token=tokens["ani"])

    other.close()
    assert (answer.status, "busy" in answer.err) == (1, True)


def _change(home: Path, statement: str, **values: str) -> None:
    database = Database(f"sqlite:///{home / 'data' / 'dissem.db'}")
    with database.write() as session:
        session.execute(text(statement), values)
    database.close()


def _set_version(home: Path, version: str) -> None:
    _change(home, "UPDATE alembic_version SET version_num = :version", version=version)


@pytest.mark.parametrize(
    ("address", "said"), [("ngawur", "PostgreSQL address"), ("mysql://s3cret@db/x", "PostgreSQL address")]
)
def test_an_address_that_is_not_of_postgresql_is_one_sentence(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setenv("DISSEM_DATABASE_URL", address)

    answer = run("queue")

    assert (answer.status, said in answer.err) == (2, True)
    assert "DISSEM_DATABASE_URL: database.url" in answer.err
    assert "s3cret" not in answer.err


def test_postgresql_without_its_package_is_one_sentence(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISSEM_DATABASE_URL", "postgresql://dissem@127.0.0.1/dissem")
    monkeypatch.setitem(sys.modules, "psycopg", None)

    answer = run("queue")

    assert (answer.status, "dissem[postgres]" in answer.err) == (1, True)


@ON_SQLITE
@pytest.mark.parametrize("command", ["queue", "doctor", "daemon --until-idle"])
def test_a_lost_database_is_missed_and_not_replaced_by_an_empty_one(
    run: Run, home: Path, tokens: dict[str, str], command: str
) -> None:
    (home / "data" / "dissem.db").unlink()

    answer = run(*command.split(), token=tokens["ani"])

    assert answer.status == 1
    assert "dissem.db is missing" in answer.out + answer.err
    assert "last backup" in answer.out + answer.err
    assert not (home / "data" / "dissem.db").exists()


@ON_SQLITE
@pytest.mark.parametrize("version", ["9999", "0000"])
def test_a_database_of_another_dissem_is_one_sentence(run: Run, home: Path, version: str) -> None:
    _set_version(home, version)

    answer = run("release", "list")

    assert (answer.status, "database" in answer.err) == (1, True)
    assert "Traceback" not in answer.err


@ON_SQLITE
def test_a_damaged_database_is_one_sentence(run: Run, home: Path) -> None:
    (home / "data" / "dissem.db").write_bytes(b"this is no database" * 300)

    answer = run("release", "list")

    assert (answer.status, "damaged" in answer.err) == (1, True)


def test_what_nobody_expected_is_one_sentence_with_the_place_of_its_details(
    run: Run, tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Bearer abcdefghijklmnop is in this text")

    monkeypatch.setattr("dissem.desk.releases.listed", fail)

    quiet = run("release", "list", token=tokens["ani"])
    monkeypatch.setenv("DISSEM_DEBUG", "1")
    loud = run("release", "list")

    kept = tmp_path / "state" / "dissem" / "last-error.txt"
    assert quiet.status == 1
    assert "Traceback" not in quiet.err
    assert str(kept) in quiet.err
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "Traceback" in loud.err
    assert "abcdefghijklmnop" not in loud.err + kept.read_text()


def test_a_text_with_a_place_that_nobody_fills_is_still_told(
    run: Run, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WrongInput("This has {no} such place.", hint="Nor {this}.", other=1)

    monkeypatch.setattr("dissem.desk.releases.listed", fail)

    answer = run("release", "list", token=tokens["ani"])

    assert (answer.status, answer.err) == (2, "Error: This has {no} such place.\nNor {this}.\n")


def test_an_interrupted_command_says_nothing(run: Run, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dissem.desk.releases.listed", interrupt)

    answer = run("release", "list", token=tokens["ani"])

    assert (answer.status, answer.out, answer.err.strip()) == (130, "", "")


def test_bytes_that_are_no_text_are_refused(run: Run, tokens: dict[str, str]) -> None:
    answer = run("release", "add", "--title", os.fsdecode(b"Padang \xff"), token=tokens["ani"])

    assert (answer.status, "UTF-8" in answer.err) == (2, True)


# Where options may stand, help and language


def test_json_and_dir_may_stand_before_or_after_the_command(
    run: Run, home: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISSEM_HOME")

    before = run("--json", "--dir", str(home), "release", "list", token=tokens["ani"])
    between = run("release", "--json", "--dir", str(home), "list")
    after = run("release", "list", "--json", "--dir", str(home))

    assert [answer.json for answer in (before, between, after)] == [[], [], []]


def test_the_installation_is_found_from_a_folder_below_it(
    run: Run, home: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISSEM_HOME")
    monkeypatch.chdir(home / "data" / "media")

    assert run("release", "list", "--json", token=tokens["ani"]).json == []


def _leaves() -> list[tuple[str, ...]]:
    """Every command, as its words."""
    from dissem.cli.root import table

    found: list[tuple[str, ...]] = []
    for name, entry in table().items():
        children = getattr(entry.load(name), "commands", None)
        found += [(name, child) for child in children] if children else [(name,)]
    return found


def test_every_command_has_a_help_text_json_and_lang(run: Run) -> None:
    for words in _leaves():
        answer = run(*words, "--help")

        assert answer.status == 0
        assert "--json" in answer.out, words
        assert "--lang" in answer.out, words
        assert answer.out.splitlines()[2].strip(), words


def _metavars() -> set[str]:
    """What stands for a value, in all commands, in the present language."""
    from dissem.cli.root import table

    loaded = [entry.load(name) for name, entry in table().items()]
    commands = [one for group in loaded for one in (group, *getattr(group, "commands", {}).values())]
    return {parameter.metavar for command in commands for parameter in command.params if parameter.metavar}


def test_what_stands_for_a_value_is_said_in_the_readers_language() -> None:
    from dissem.cli.command import metavars

    assert _metavars() - {"id|en"} == set(metavars())

    i18n.language.set("id")

    same_in_both = {"FOLDER", "FORMAT", "N", "PLATFORM", "[PLATFORM]...", "PORT", "STATUS", "URL", "id|en"}
    assert _metavars() == set(metavars().values()) | {"id|en"}
    assert _metavars() & set(metavars()) <= same_in_both


def test_every_command_of_the_design_is_there() -> None:
    wanted = """init demo doctor login daemon worker backup restore preview schedule queue
    agency/add agency/list person/add person/list person/disable person/token
    channel/add channel/edit channel/list channel/check channel/connect channel/pause channel/resume channel/platforms
    channel/recipients
    release/add release/edit release/list release/show release/submit release/approve release/reject release/withdraw
    delivery/show delivery/cancel delivery/retry delivery/reschedule delivery/resolve delivery/remove
    engagement/collect engagement/show engagement/foreign engagement/export report/weekly report/monthly
    report/release report/agency report/send
    job/list job/check job/run audit/verify config/show rehearsal/serve"""

    assert {"/".join(words) for words in _leaves()} == set(wanted.split())


def test_indonesian_is_spoken_unless_something_else_is_asked(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dissem.cli.main import spoken

    monkeypatch.delenv("DISSEM_LANG")
    silent, asked = spoken(["queue"]), spoken(["queue", "--lang", "en"])
    monkeypatch.setenv("DISSEM_LANG", "en")

    assert (silent, asked, spoken(["queue"])) == ("id", "en", "en")
    assert (spoken(["--lang=id"]), spoken(["--lang", "fr"]), spoken(["--", "--lang", "id"])) == ("id", "en", "en")


# Around the installation


@ON_SQLITE
def test_a_backup_holds_the_database_and_media_but_not_the_key(
    run: Run, home: Path, tokens: dict[str, str], tmp_path: Path
) -> None:
    (home / "data" / "media" / "foto").write_bytes(b"a photo")

    answer = run("backup", str(tmp_path / "b.tar"), "--json")

    assert answer.json["size"] == (tmp_path / "b.tar").stat().st_size
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert {"data/dissem.db", "data/media/foto", "config.toml", "jobs"} <= set(tar.getnames())
        assert not [name for name in tar.getnames() if "key" in name]
        tar.extract("data/dissem.db", tmp_path / "out", filter="data")
    restored = sqlite3.connect(tmp_path / "out" / "data" / "dissem.db")
    assert restored.execute("SELECT count(*) FROM person").fetchone() == (4,)
    restored.close()


def test_a_backup_overwrites_nothing(run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("mine")

    answer = run("backup", str(tmp_path / "b.tar"))

    assert (answer.status, (tmp_path / "b.tar").read_text()) == (1, "mine")


def test_the_password_of_the_database_is_not_shown(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISSEM_DATABASE_URL", "postgresql+psycopg://dissem:s3cret@db/dissem")

    answer = run("config", "show", "--json")

    assert answer.json["settings"]["database.url"]["origin"] == "DISSEM_DATABASE_URL"
    assert "s3cret" not in answer.out


@ON_SQLITE
def test_a_changed_audit_record_is_found(run: Run, home: Path, tokens: dict[str, str]) -> None:
    changed = sqlite3.connect(home / "data" / "dissem.db")
    for (trigger,) in changed.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        changed.execute(f"DROP TRIGGER {trigger}")
    changed.execute("UPDATE audit_entry SET actor = 'somebody' WHERE id = 2")
    changed.commit()
    changed.close()

    answer = run("audit", "verify")

    assert (answer.status, "entry 2" in answer.err) == (1, True)


def test_doctor_finds_that_no_daemon_runs_and_answers_programs_with_a_list(run: Run, home: Path) -> None:
    answer = run("doctor", "--json")

    assert answer.status == 1
    assert any("daemon" in one["message"] for one in answer.json)


def test_the_report_is_written_in_the_form_its_name_says(run: Run, tokens: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "report.html"

    answer = run("report", "weekly", "--week", "2026-W47", "--out", str(file), "--json", token=tokens["budi"])

    assert answer.json == {"week": "2026-W47", "format": "html", "file": str(file)}
    assert file.read_text().lstrip().lower().startswith("<!doctype html")


def test_the_report_is_json_for_programs(run: Run, tokens: dict[str, str]) -> None:
    assert run("report", "weekly", "--week", "2026-W47", "--json", token=tokens["budi"]).json["week"] == "2026-W47"
    assert run("report", "weekly", "--week", "2026-W47", "--format", "json").json["week"] == "2026-W47"


# Recipients


def test_an_address_alone_says_which_recipient_is_meant(run: Run, tokens: dict[str, str], press: str) -> None:
    run("channel", "recipients", press, "--suppress", "redaksi@harian.example", token=tokens["siti"])

    told = run("channel", "recipients", press, "--json").json

    assert [one["recipient"] for one in told["suppressed"]] == ["Redaksi <redaksi@harian.example>"]


def test_recipients_are_listed_and_one_who_wants_no_more_is_left_out(
    run: Run,
    tokens: dict[str, str],
    press: str,
) -> None:
    answer = run("channel", "recipients", press, "--suppress", "berita@radio.example", token=tokens["siti"])

    assert answer.status == 0
    assert "Channel press writes to 1:" in answer.out
    assert "berita@radio.example" in answer.out.partition("Gets nothing any more")[2]
    assert "Unsubscribed, as said by siti." in answer.out
    told = run("channel", "recipients", press, "--json").json
    assert told["recipients"] == ["Redaksi <redaksi@harian.example>"]
    assert [one["recipient"] for one in told["suppressed"]] == ["berita@radio.example"]


def test_one_who_was_left_out_is_taken_back(run: Run, tokens: dict[str, str], press: str) -> None:
    run("channel", "recipients", press, "--suppress", "berita@radio.example", token=tokens["siti"])

    told = run("channel", "recipients", press, "--restore", "Berita@Radio.example", "--json").json

    assert told["recipients"] == ["Redaksi <redaksi@harian.example>", "berita@radio.example"]
    assert told["suppressed"] == []


@pytest.mark.parametrize(
    ("option", "says"), [("--suppress", "is no recipient of press"), ("--restore", "is not left out of press")]
)
def test_an_address_that_is_not_there_is_told(
    run: Run,
    tokens: dict[str, str],
    press: str,
    option: str,
    says: str,
) -> None:
    answer = run("channel", "recipients", press, option, "nobody@radio.example", token=tokens["siti"])

    assert answer.status != 0
    assert says in answer.err


def test_recipients_are_shown_to_those_who_manage_channels_only(
    run: Run,
    tokens: dict[str, str],
    press: str,
) -> None:
    answer = run("channel", "recipients", press, token=tokens["ani"])

    assert answer.status == 1
    assert "redaksi@harian.example" not in answer.out + answer.err


def test_a_channel_without_recipients_writes_to_nobody(run: Run, tokens: dict[str, str], website: str) -> None:
    answer = run("channel", "recipients", website, token=tokens["siti"])

    assert answer.out.strip() == "Channel website writes to nobody."


# What is shown of posts that others have to wait for, or that have no words


def test_the_preview_names_the_link_that_is_not_known_yet(run: Run, tokens: dict[str, str], website: str) -> None:
    second = ("channel", "add", "second", "--platform", "newsroom", "--agency", "kominfo", "--set", "folder=second")
    assert run(*second, token=tokens["siti"]).status == 0
    number = draft(run, tokens["ani"], "--link-from", website)
    assert run("schedule", str(number), "--to", f"{website},second", "--at", "besok jam 9").status == 0

    shown = run("preview", str(number), "--channel", "second")

    assert "‹the link of the post that goes first›" in shown.out
    assert "example.com/link-0" not in shown.out
    assert "example.com/link-0" in run("preview", str(number), "--channel", "second", "--json").out


# Settings


def test_the_settings_of_the_citys_apps_are_shown_one_by_one(run: Run, home: Path) -> None:
    with (home / "config.toml").open("a") as file:
        file.write('\n[apps.x]\nclient_id = "app-of-the-city"\n')

    settings = run("config", "show", "--json").json["settings"]

    assert settings["apps.x.client_id"] == {"value": "app-of-the-city", "origin": "config.toml"}
    assert settings["apps.x.secret_env"] == {"value": "", "origin": "default"}
    assert "apps.x" not in settings
    assert "apps.x.client_id" in run("config", "show").out
