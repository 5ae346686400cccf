"""kill -9 of a real daemon while the platform is slow to answer, and what the next daemon makes of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from dissem import clock
from dissem.desk import channels, people, releases, schedule
from dissem.desk.acting import Acting
from dissem.desk.draft import Draft
from dissem.errors import told
from dissem.models import Delivery, Held, Role, State
from dissem.rehearsal.faults import late
from dissem.rehearsal.mastodon import MastodonStandin
from dissem.rehearsal.standin import Standin
from dissem.rehearsal.telegram import TelegramStandin
from dissem.store.installation import Installation

LIMIT = 30.0  # seconds; nothing here takes a tenth of it
DISSEM = [sys.executable, "-c", "import sys; from dissem.cli.main import main; sys.exit(main())"]


@pytest.fixture
def home(installation: Installation) -> Installation:
    """The installation, with short leases in its config.toml so that PostgreSQL's end in time too."""
    lines = (
        f"[database]\nurl = {json.dumps(installation.config.database.url)}",
        '[network]\nallow_hosts = ["127.0.0.1"]',
        '[timing]\nlook_again = "100 ms"\nsend_deadline = "1 s"\nrequest = "1 s"\nmargin = "100 ms"',
    )
    (installation.home / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    return installation


@pytest.fixture
def daemon(home: Installation) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """daemon() → a running `dissem daemon --until-idle`."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [*DISSEM, "--dir", str(home.home), "daemon", "--until-idle"]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "DISSEM_LANG": "en"}))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def _due(home: Installation, platform: str, settings: dict[str, str], secrets: dict[str, str]) -> int:
    """An approved delivery, due now, on a channel of *platform*."""
    nobody = Acting(home, None)
    people.add_agency(nobody, "kominfo", "Dinas Kominfo")
    ani, _ = people.add_person(nobody, "ani", "Ani", agency="kominfo", role=Role.AUTHOR)
    budi, _ = people.add_person(nobody, "budi", "Budi", agency="kominfo", role=Role.APPROVER)
    channel, trouble = channels.add(
        nobody, platform, platform=platform, agency="kominfo", settings=settings, secrets=secrets
    )
    assert trouble is None
    author = Acting(home, ani)
    release = releases.add(author, Draft(title="Jembatan ditutup", body="Jembatan Siti Nurbaya ditutup."))
    at = clock.utc_now() + timedelta(milliseconds=300)
    made = schedule.schedule(author, release.id or 0, [channel.name], at)
    releases.submit(author, release.id or 0)
    releases.approve(Acting(home, budi), release.id or 0)
    return made[0][0].id or 0


def _see(home: Installation, number: int) -> Delivery:
    with home.database.read() as session:
        return session.exec(select(Delivery).where(Delivery.id == number)).one()


def _when(happened: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def _kill_while_the_answer_is_awaited(platform: Standin, process: subprocess.Popen[bytes]) -> None:
    _when(lambda: platform.public)
    process.send_signal(signal.SIGKILL)
    process.wait(LIMIT)


def test_after_kill_9_there_is_one_post_and_it_is_published(
    home: Installation, daemon: Callable[[], subprocess.Popen[bytes]]
) -> None:
    with MastodonStandin(honours_keys=False) as mastodon:
        number = _due(home, "mastodon", {"api_url": mastodon.url}, {"access_token": mastodon.token})
        mastodon.script("publish", late(20))
        _kill_while_the_answer_is_awaited(mastodon, daemon())
        assert _see(home, number).state is State.PUBLISHING

        status = daemon().wait(LIMIT)

        assert status == 0
        assert _see(home, number).state is State.PUBLISHED
        assert len(mastodon.public) == 1


def test_after_kill_9_what_cannot_be_looked_up_is_held_and_says_what_to_do(
    home: Installation, daemon: Callable[[], subprocess.Popen[bytes]]
) -> None:
    with TelegramStandin() as telegram:
        settings = {"api_url": telegram.url, "chat": "@kota_humas"}
        number = _due(home, "telegram", settings, {"bot_token": telegram.token})
        telegram.script("publish", late(20))
        _kill_while_the_answer_is_awaited(telegram, daemon())

        status = daemon().wait(LIMIT)

        assert status == 0
        delivery = _see(home, number)
        assert (delivery.state, delivery.held) == (State.HELD, Held.UNKNOWN)
        assert f"dissem delivery resolve {number} --published URL" in told(delivery.reason)
        assert len(telegram.public) == 1


def test_sigterm_finishes_the_post_in_hand(home: Installation, daemon: Callable[[], subprocess.Popen[bytes]]) -> None:
    with MastodonStandin() as mastodon:
        number = _due(home, "mastodon", {"api_url": mastodon.url}, {"access_token": mastodon.token})
        mastodon.script("publish", late(0.7))
        process = daemon()
        _when(lambda: mastodon.public)

        process.send_signal(signal.SIGTERM)
        status = process.wait(LIMIT)

        assert status == 0
        assert _see(home, number).state is State.PUBLISHED
