"""Threads: the contract, and what only Threads does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dissem.channels import threads
from dissem.channels.adapter import Prepared
from dissem.channels.client import Answer
from dissem.channels.containers import Stale, Unknown
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.graph import Missing
from dissem.channels.threads import Threads
from dissem.rehearsal import faults
from dissem.rehearsal.threads import SAMPLE, SCOPES, ThreadsStandin, counted

from . import two_steps
from .contract import prepare_all, send
from .two_steps import TwoStepPlatform, TwoSteps, refusal, shown

host, attach = two_steps.host, two_steps.attach


class ThreadsPlatform(TwoStepPlatform):
    adapter_class = Threads

    def settings(self):
        return {"api_url": self.standin.url, "access_token": self.standin.access_token}


@pytest.fixture
def platform():
    with ThreadsStandin() as standin:
        yield ThreadsPlatform(standin)


class TestContract(TwoSteps):
    """Everything asked of every channel."""


class TestAPlatformThatForgetsContainers(TwoSteps):
    """A published container's id may turn into something that has no state any more."""

    @pytest.fixture
    def platform(self):
        with ThreadsStandin() as standin:
            standin.forgets = True
            yield ThreadsPlatform(standin)


# Errors


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(24, 4279009), Unknown),
        (refusal(24, 4279009, status=500), Uncertain),
        (refusal(4, 2207051), Uncertain),
        (refusal(1), Uncertain),
        (refusal(2, status=500), Uncertain),
        (refusal(9999, is_transient=True), Uncertain),
        (refusal(4), Throttled),
        (refusal(17), Throttled),
        (refusal(10, 4279013), Unauthorized),
        (refusal(190, 463), Unauthorized),
        (refusal(10), Unauthorized),
        (refusal(100), Refused),
        (refusal(100, 2207052, irrevocable=False), Unreachable),
        (refusal(24, 4279009, irrevocable=False), Missing),
        (refusal(4, 2207051, irrevocable=False), Unauthorized),
        (refusal(100, irrevocable=False, kind="THApiException"), Refused),
        (Answer(502, {}, b"<h1>Bad Gateway</h1>", True), Uncertain),
        (Answer(404, {}, b"[]", True), type(None)),
    ],
    ids=shown,
)
def test_an_error_is_named_by_its_code_and_subcode(answer, error):
    named = threads._translate(answer)

    assert isinstance(named, error)
    assert error is not Uncertain or not isinstance(named, Refused)


# Words


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("Padang", 6),
        ("Éro kita", 8),
        ("e\u0301", 2),
        ("😀", 4),
        ("👍🏽", 8),
        ("❤️", 6),
        ("🇮🇩", 8),
        ("👩‍👩‍👧‍👦", 25),
        ("5#*", 3),
        ("5️⃣", 7),
    ],
)
def test_emoji_count_their_bytes_and_everything_else_its_code_points(text, length):
    assert Threads.length(text) == length
    assert counted(text) <= length


def test_a_text_of_500_with_emoji_is_taken_and_one_more_is_not(adapter, platform, part):
    fits = "😀" * 10 + "a" * 460

    send(adapter, part(text=fits), platform)

    assert Threads.length(fits) == 500
    with pytest.raises(Refused):
        send(adapter, part(text=fits + "a"), platform)


def test_more_than_five_links_are_refused_before_anything_is_public(adapter, platform, part):
    links = " ".join(f"https://padang.go.id/{n}" for n in range(6))

    with pytest.raises(Refused) as refused:
        prepare_all(adapter, part(text=links), platform)

    assert "LINK_LIMIT" in str(refused.value)


# The flip


def test_a_finished_container_that_is_not_found_is_prepared_anew(adapter, platform, part):
    halo = part()
    prepared = prepare_all(adapter, halo, platform)
    platform.standin.misses = 1

    with pytest.raises(Stale):
        adapter.publish(halo, prepared)

    assert adapter.publish(halo, prepare_all(adapter, halo, platform)).id == platform.public[0].id
    assert len(platform.public) == 1


def test_a_text_waits_for_its_container_as_well(adapter, part):
    steps = adapter.prepare(part(), Prepared())
    saved = next(steps)

    with pytest.raises(NotYet):
        next(steps)

    assert saved.get("container")


def test_a_full_day_is_a_pause_for_posts_and_not_for_replies(adapter, platform, part):
    first = send(adapter, part(text="Bagian satu."), platform)
    platform.standin.elsewhere = 250

    send(adapter, part(text="Bagian dua.", after=first), platform)

    with pytest.raises(Throttled) as pause:
        prepare_all(adapter, part(text="Yang lain."), platform)
    assert pause.value.retry_after == timedelta(hours=1)


# Looking


def test_the_same_words_below_another_post_are_not_ours(adapter, platform, part, since):
    first, second = (send(adapter, part(text=text), platform) for text in ("Satu.", "Dua."))
    theirs = send(adapter, part(text="Lanjutan.", after=first), platform)
    ours = part(text="Lanjutan.", after=second)

    assert list(adapter.find(ours, prepare_all(adapter, ours, platform), since)) == []
    assert [found.id for found in adapter.find(replace(ours, after=first), Prepared(), since)] == [theirs.id]


def test_a_text_is_not_found_in_a_post_with_a_picture(adapter, platform, part, photos, since):
    send(adapter, part(attachments=(photos[0],)), platform)

    assert list(adapter.find(part(), Prepared(), since)) == []


def test_without_the_right_to_list_replies_nothing_is_known_of_them(platform, part, since):
    platform.standin.accounts = [replace(SAMPLE, scopes=SCOPES - {"threads_read_replies"})]
    adapter = platform.adapter()
    first = send(adapter, part(text="Satu."), platform)

    with pytest.raises(Uncertain):
        adapter.find(part(text="Dua.", after=first), Prepared(), since)


# Files


def test_a_picture_without_words_is_published(adapter, platform, part, photos):
    send(adapter, part(text="", attachments=(photos[0],)), platform)

    assert platform.public[0].text == ""
    assert len(platform.public[0].media) == 1


def test_a_description_of_the_video_arrives(adapter, platform, part, clip):
    send(adapter, part(kind="video", attachments=(clip,)), platform)

    assert platform.public[0].media[0].alt == clip.alt


@pytest.mark.parametrize(("cause", "expected"), [("INVALID_DURATION", Refused), ("UNKNOWN", Unreachable)])
def test_a_failure_that_would_come_again_is_for_people_at_once(adapter, platform, part, clip, cause, expected):
    platform.standin.causes.append(cause)

    with pytest.raises(expected) as why:
        prepare_all(adapter, part(kind="video", attachments=(clip,)), platform)

    assert cause in str(why.value)


def test_a_video_that_could_not_be_downloaded_is_tried_once_more(adapter, platform, part, clip, host):
    film = part(kind="video", attachments=(clip,))
    path = "/" + clip.url.rpartition("/")[2]
    file, saved = host.files.pop(path), Prepared()
    with pytest.raises(Unreachable):
        while True:
            try:
                for step in adapter.prepare(film, saved):
                    saved = step
            except NotYet:
                continue

    host.files[path] = file
    adapter.publish(film, prepare_all(adapter, film, platform, saved))

    assert len(platform.public) == 1


# Figures and settings


def test_reposts_quotes_and_shares_are_one_figure(adapter, platform, part):
    receipt = send(adapter, part(), platform)
    told = [
        {"name": n, "values": [{"value": v}]} for n, v in (("views", 90), ("reposts", 3), ("quotes", 2), ("shares", 4))
    ]
    platform.script("measure", faults.reply(200, {"data": told}))

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.shares, counts.likes, counts.comments) == (90, 9, None, None)


def test_a_retired_metric_leaves_the_figures_unknown(adapter, platform, part):
    receipt = send(adapter, part(), platform)
    platform.script("measure", faults.reply(400, {"error": {"code": 100, "message": "no such metric"}}))

    assert adapter.measure([receipt]) == {}


@pytest.mark.parametrize("wrong", [{"version": "1.0"}, {"account": "1/threads"}, {"account": "you"}])
def test_settings_that_would_bend_the_address_are_refused(platform, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Threads.Settings(**{**platform.settings(), **wrong})
