"""Dying in every step of `prepare`: whatever was saved by then, the next process makes one post of it and no second.

A platform whose adapter has steps belongs into CASES, with the part that takes the most of them; a test says which one
is missing.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
from media_host import MediaHost
from sqlmodel import select
from town import Clock

from dissem import clock
from dissem.channels import tiktok, x, youtube
from dissem.channels.adapter import Adapter, Part, Prepared, Receipt
from dissem.channels.errors import NotYet, Stale, Unreachable
from dissem.channels.registry import adapter_class, platforms
from dissem.desk import channels, people, releases, schedule
from dissem.desk.acting import Acting
from dissem.desk.draft import Draft, File
from dissem.models import Delivery, Kind, Publication, Role, State
from dissem.queue import reconcile
from dissem.queue.carry import Carrier
from dissem.queue.claims import Claims, end_leases, sweep
from dissem.rehearsal import faults
from dissem.rehearsal.bluesky import BlueskyStandin
from dissem.rehearsal.facebook import FacebookStandin
from dissem.rehearsal.instagram import InstagramStandin
from dissem.rehearsal.linkedin import LinkedInStandin
from dissem.rehearsal.mastodon import MastodonStandin
from dissem.rehearsal.standin import Standin
from dissem.rehearsal.telegram import TelegramStandin
from dissem.rehearsal.threads import ThreadsStandin
from dissem.rehearsal.tiktok import TikTokStandin
from dissem.rehearsal.wordpress import WordPressStandin
from dissem.rehearsal.x import XStandin
from dissem.rehearsal.youtube import YoutubeStandin
from dissem.rehearsal.youtube_sessions import GRAIN

from .contract import PATIENCE, Platform, settle
from .facebook_films import upright_film
from .test_bluesky import BlueskyPlatform
from .test_facebook import FacebookPlatform
from .test_facebook_reels import ReelPlatform
from .test_facebook_stories import StoryPlatform as FacebookStoryPlatform
from .test_instagram import InstagramPlatform
from .test_instagram_story import StoryPlatform as InstagramStoryPlatform
from .test_linkedin import LinkedInPlatform
from .test_mastodon import MastodonPlatform
from .test_telegram import TelegramPlatform
from .test_threads import ThreadsPlatform
from .test_tiktok import PhotoPlatform, TikTokPlatform
from .test_wordpress import WordPressPlatform
from .test_x import XPlatform
from .test_youtube import YouTubePlatform

CLIP_SIZE = 80_000  # bytes: as large as every platform wants a video to be


@dataclass(frozen=True)
class Case:
    """A platform, what to send there, and how it is made to take many steps."""

    standin: Callable[[], Standin]
    platform: Callable[[Standin], Platform]
    sends: str  # a name that the fixture `sent` knows
    pieces: tuple[Any, str, int] | None = None  # module, name and value of the size of a piece
    arranged: dict[str, Any] = field(default_factory=dict)  # attributes of the stand-in

    @property
    def name(self) -> str:
        return self.platform(None).adapter_class.platform  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.name}-{self.sends.replace(' ', '-')}"

    def opened(self) -> Standin:
        standin = self.standin()
        for name, value in self.arranged.items():
            assert hasattr(standin, name)
            setattr(standin, name, value)
        return standin


def _staged(standin: Standin) -> Platform:
    return TelegramPlatform(standin, staging=True)


CASES = (
    Case(BlueskyStandin, BlueskyPlatform, "film"),
    Case(BlueskyStandin, BlueskyPlatform, "photos"),
    Case(FacebookStandin, FacebookPlatform, "film", arranged={"chunk_bytes": CLIP_SIZE // 3}),
    Case(FacebookStandin, FacebookPlatform, "photos"),
    Case(FacebookStandin, ReelPlatform, "upright film"),
    Case(FacebookStandin, FacebookStoryPlatform, "upright film", arranged={"story_archive": True}),
    Case(FacebookStandin, FacebookStoryPlatform, "photo", arranged={"story_archive": True}),
    Case(InstagramStandin, InstagramPlatform, "film"),
    Case(InstagramStandin, InstagramPlatform, "photos"),
    Case(InstagramStandin, InstagramStoryPlatform, "photo"),
    Case(LinkedInStandin, LinkedInPlatform, "film", arranged={"part_bytes": CLIP_SIZE // 3}),
    Case(LinkedInStandin, LinkedInPlatform, "photos", arranged={"image_polls": 1}),
    Case(MastodonStandin, MastodonPlatform, "film"),
    Case(MastodonStandin, MastodonPlatform, "photos"),
    Case(TelegramStandin, _staged, "photos"),
    Case(TelegramStandin, _staged, "film"),
    Case(ThreadsStandin, ThreadsPlatform, "photos"),
    Case(
        TikTokStandin,
        TikTokPlatform,
        "film",
        pieces=(tiktok, "CHUNK", CLIP_SIZE // 4),
        arranged={"least_chunk": CLIP_SIZE // 4},
    ),
    Case(TikTokStandin, PhotoPlatform, "photos"),
    Case(WordPressStandin, WordPressPlatform, "photos"),
    Case(WordPressStandin, WordPressPlatform, "film"),
    Case(XStandin, XPlatform, "film", pieces=(x, "CHUNK", CLIP_SIZE // 3)),
    Case(XStandin, XPlatform, "photos"),
    Case(YoutubeStandin, YouTubePlatform, "long covered film", pieces=(youtube, "CHUNK", GRAIN)),
)


CALLS_NOBODY = {"email"}  # its one step notes the time of sending


def test_every_adapter_with_steps_stands_in_the_table():
    stepping = {name for name in platforms() if adapter_class(name).prepare is not Adapter.prepare}

    assert stepping - {case.name for case in CASES} == CALLS_NOBODY


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class Row:
    """What the database keeps of a part, as JSON."""

    def __init__(self) -> None:
        self.prepared = Prepared()

    def save(self, step: Prepared) -> None:
        self.prepared = Prepared(json.loads(json.dumps(dict(step.data))), step.expires)


def nothing(point: str) -> None:
    """Nobody dies."""


def carry(platform: Platform, part: Part, row: Row, reached: Callable[[str], None] = nothing) -> Receipt:
    """Prepare and publish *part* as the queue does, every try in a process of its own."""
    for _ in range(PATIENCE):
        adapter = platform.adapter()
        try:
            for step in adapter.prepare(part, row.prepared):
                reached("before step")
                row.save(step)
                reached("after step")
            reached("prepared")
            return settle(adapter, adapter.publish(part, row.prepared), platform)
        except NotYet as later:
            platform.wait(later.retry_after or timedelta(seconds=5))
        except Stale:
            row.prepared = Prepared()
        except Unreachable:
            continue
    raise AssertionError("it never came to an end")


def dying(moment: int) -> Callable[[str], None]:
    """Die the *moment*-th time that something is reached."""
    moments = count(1)

    def reached(point: str) -> None:
        if next(moments) == moment:
            raise Killed(point)

    return reached


@pytest.fixture(scope="module")
def host():
    with MediaHost() as host:
        yield host


@pytest.fixture
def sent(attach, clip, photos, part, host):
    """sent(name) → a part of that name's files, which the media host shows to everybody."""

    def lengthened(size: int):
        content = clip.path.read_bytes()
        room = size - len(content)
        content += room.to_bytes(4) + b"free" + b"\0" * (room - 8)  # a box that players skip
        return attach(content, "video/mp4", width=320, height=240, duration=3.1, alt=clip.alt)

    def shown(attachment):
        return replace(attachment, url=host.serve(attachment.path.read_bytes(), attachment.type))

    def sent(name: str) -> Part:
        if name in ("photo", "photos"):
            chosen = photos[: 1 if name == "photo" else 2]
            return part(kind="photo", attachments=tuple(shown(photo) for photo in chosen), tags=("Padang", "pasar"))
        if name == "upright film":
            video = attach(upright_film(), "video/mp4", width=1080, height=1920, duration=12.0, alt=clip.alt)
            return part(kind="video", attachments=(video,))
        video = lengthened(GRAIN + 1000 if "long" in name else CLIP_SIZE)
        cover = photos[:1] if "covered" in name else ()
        return part(kind="video", attachments=(shown(video), *cover), tags=("Padang",))

    return sent


@pytest.fixture
def lives(request, monkeypatch):
    """lives() → a fresh remote side each time, as the case arranges it; all are closed in the end."""
    case: Case = request.getfixturevalue("case")
    if case.pieces:
        monkeypatch.setattr(*case.pieces)
    with ExitStack() as stack:

        def fresh() -> Platform:
            return case.platform(stack.enter_context(case.opened()))

        yield fresh


def assert_one_post(platform: Platform, part: Part, receipt: Receipt) -> None:
    """Exactly one post arrived, whole, and the receipt is its own."""
    films = [a for a in part.attachments if a.is_video]
    (live,) = platform.public
    assert platform.id_of(live) == receipt.id
    assert platform.shows(live, part)
    assert [file.bytes for file in live.media] == [a.path.read_bytes() for a in films or part.attachments]
    assert platform.standin.accidents == []
    assert platform.standin.unknown_fields == []


def labels(platform: Platform) -> Iterator[tuple[str, int]]:
    """Each request of the journal as its label and how many of that label came before it."""
    before: Counter[str] = Counter()
    for entry in platform.standin.journal:
        if entry.label:
            yield entry.label, before[entry.label]
            before[entry.label] += 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_death_before_or_after_any_step_is_saved_leaves_one_post(case, lives, sent):
    part, deaths = sent(case.sends), []
    for moment in count(1):
        platform, row = lives(), Row()
        try:
            carry(platform, part, row, dying(moment))
            break
        except Killed as death:
            deaths.append(str(death))
        assert platform.public == []

        assert_one_post(platform, part, carry(platform, part, row))

    assert deaths.count("before step") == deaths.count("after step") >= 1
    assert deaths[-1] == "prepared"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_answer_lost_in_any_step_leaves_one_post(case, lives, sent):
    part, clean = sent(case.sends), lives()
    with suppress(Killed):
        carry(clean, part, Row(), lambda point: point == "prepared" and _die())
    requests = list(labels(clean))

    for label, earlier in requests:
        platform, row = lives(), Row()
        platform.standin.script(label, *[faults.accept()] * earlier, faults.drop_after_accepting())

        receipt = carry(platform, part, row)

        lost = [entry.label for entry in platform.standin.journal if entry.fault == "drop_after_accepting"]
        assert lost == [label]
        assert_one_post(platform, part, receipt)

    assert requests


def _die() -> None:
    raise Killed


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_death_in_every_step_one_after_another_leaves_one_post(case, lives, sent):
    """Each process lives a step longer than the one before, and goes on from what that had saved."""
    part, platform, row = sent(case.sends), lives(), Row()
    for life in count(1):
        with suppress(Killed):
            receipt = carry(platform, part, row, dying(2 * life))
            break

    assert life > 1
    assert_one_post(platform, part, receipt)


# Killed for good: a real daemon, whose process is gone


LIMIT = 60.0  # seconds; nothing here takes a tenth of it
DISSEM = [sys.executable, "-c", "import sys; from dissem.cli.main import main; sys.exit(main())"]
LOG = "daemon.log"
PATIENT = faults.late(60)  # an answer that nobody lives to see


@pytest.fixture
def database_url(tmp_path, sqlite_template):
    """SQLite alone: what is tried here is the adapter's steps, not the database."""
    file = tmp_path / "home" / "data" / "dissem.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sqlite_template, file)
    return ""


@pytest.fixture
def shown(tmp_path):
    """A folder that a web server shows, and its address."""
    folder = tmp_path / "open"
    folder.mkdir()
    handler = partial(SilentFiles, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class SilentFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Silent."""


@pytest.fixture
def home(installation, shown):
    folder, url = shown
    lines = (
        '[network]\nallow_hosts = ["127.0.0.1"]',
        f"[public_media]\nfolder = {json.dumps(str(folder))}\nurl = {json.dumps(url)}",
        '[timing]\nlook_again = "100 ms"\nbackoff = "100 ms"\nbackoff_cap = "100 ms"',
    )
    (installation.home / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    return installation


@pytest.fixture
def daemon(home):
    """daemon() → a running `dissem daemon --until-idle`."""
    started = []

    def start():
        command = [*DISSEM, "--dir", str(home.home), "daemon", "--until-idle"]
        with (home.home / LOG).open("ab") as log:
            started.append(subprocess.Popen(command, stderr=log, env={**os.environ, "DISSEM_LANG": "en"}))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def due(home, platform, kind, files):
    """The number of an approved delivery, due at once, on a channel of *platform*."""
    nobody = Acting(home, None)
    kinds = platform.adapter_class.Settings.model_fields
    given = {name: str(value) for name, value in platform.settings().items()}
    secrets = {name: value for name, value in given.items() if kinds[name].annotation is not str}
    settings = {name: value for name, value in given.items() if name not in secrets}
    people.add_agency(nobody, "kominfo", "Dinas Kominfo")
    ani, _ = people.add_person(nobody, "ani", "Ani", agency="kominfo", role=Role.AUTHOR)
    budi, _ = people.add_person(nobody, "budi", "Budi", agency="kominfo", role=Role.APPROVER)
    name = platform.adapter_class.platform
    _, trouble = channels.add(nobody, name, platform=name, agency="kominfo", settings=settings, secrets=secrets)
    assert trouble is None
    author = Acting(home, ani)
    media = tuple(File(attachment.path, attachment.alt or "Foto") for attachment in files)
    draft = Draft(kind=Kind(kind), title="Gerak jalan", body="Minggu pagi di Padang.", media=media)
    release = releases.add(author, draft)
    at = clock.utc_now() + timedelta(milliseconds=200)
    (made, *_), *_ = schedule.schedule(author, release.id, [name], at)
    releases.submit(author, release.id)
    releases.approve(Acting(home, budi), release.id)
    return made.id


def work(carrier, claims, now):
    """One round of what a daemon does."""
    sweep(carrier.installation.database, carrier.timing, now=now)
    for claimed in claims.preparing(now=now, limit=9):
        carrier.prepare(claimed)
    for claimed in claims.publishing(now=now, limit=9):
        carrier.publish(claimed)
    for claimed in claims.looking(now=now, limit=9):
        reconcile.look(carrier, claimed)


def test_through_the_queue_a_process_dies_at_every_moment_and_there_is_one_post(home, sent):
    """Before and after every step is saved, before and after the request that makes it public: each moment is one
    process's last."""
    part, deaths, ticking = sent("film"), [], Clock()
    ticking.time = clock.utc_now()
    with YoutubeStandin() as standin:
        platform = YouTubePlatform(standin)
        number = due(home, platform, part.kind, part.attachments)
        for life in range(PATIENCE):
            ticking.pass_(minutes=6)
            carrier = Carrier(home, now=ticking, reached=dying_at_none_of(deaths))
            claims = Claims(home.database, f"process {life}", carrier.timing)
            end_leases(home.database, now=ticking(), but=claims.owner)
            with suppress(Killed):
                work(carrier, claims, ticking())
            with home.database.read() as session:
                state = session.get_one(Delivery, number).state
            if state is State.PUBLISHED:
                break

    points = [point for point, _ in deaths]
    assert state is State.PUBLISHED
    assert points.count("before step") == points.count("after step") >= 2
    assert {"before publish", "after publish"} <= set(points)
    assert len(standin.public) == len(standin.videos) == 1


MOMENTS = {"before step", "after step", "before publish", "after publish"}


def dying_at_none_of(known: list[tuple[str, int]]) -> Callable[[str], None]:
    """Die at the first moment of this life that is not *known* as an earlier one's last, and make it known."""
    times: Counter[str] = Counter()

    def reached(point: str) -> None:
        if point not in MOMENTS:  # the others have a matrix of their own; two deaths before any step are held as poison
            return
        times[point] += 1
        moment = (point, times[point])
        if moment not in known:
            known.append(moment)
            raise Killed(point)

    return reached


def kill_in(home, platform, daemon, label, earlier):
    """Let a daemon live until its request of *label* after *earlier* others was carried out and not yet answered."""
    platform.standin.script(label, *[faults.accept()] * earlier, PATIENT)
    known = len(platform.standin.journal)
    process = daemon()
    end = time.monotonic() + LIMIT
    while not any(entry.fault == "late" for entry in platform.standin.journal[known:]):
        assert time.monotonic() < end, "the request never came"
        assert process.poll() is None, (home.home / LOG).read_text()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(LIMIT)


@pytest.mark.parametrize(
    ("case", "deaths"),
    [
        (Case(XStandin, XPlatform, "film", arranged={"processing_polls": 0}), [("upload", 1)]),
        (
            Case(InstagramStandin, InstagramPlatform, "photos", arranged={"processing_polls": 0}),
            [("upload", 1), ("stage", 0)],
        ),
        (Case(YoutubeStandin, YouTubePlatform, "film", arranged={"polls": 0}), [("upload", 0), ("status", 0)]),
    ],
    ids=str,
)
def test_after_kill_9_in_step_after_step_there_is_one_post(case, deaths, home, daemon, sent):
    part = sent(case.sends)
    with case.opened() as standin:
        platform = case.platform(standin)
        number = due(home, platform, part.kind, part.attachments)
        for label, earlier in deaths:
            kill_in(home, platform, daemon, label, earlier)

        status = daemon().wait(LIMIT)

        with home.database.read() as session:
            delivery = session.get_one(Delivery, number)
            publication = session.exec(select(Publication)).one()
        assert (status, delivery.state) == (0, State.PUBLISHED)
        assert [platform.id_of(live) for live in platform.public] == [publication.remote_id]
        assert standin.accidents == []
