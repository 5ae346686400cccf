"""Instagram: the contract, and what only Instagram does."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dissem.channels import instagram
from dissem.channels.adapter import Gone, Prepared
from dissem.channels.client import Answer
from dissem.channels.containers import NotTaken, Stale, Unknown
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.graph import Missing
from dissem.channels.instagram import Instagram
from dissem.rehearsal import faults
from dissem.rehearsal.instagram import BY_INSTAGRAM, SAMPLE, SCOPES, InstagramStandin

from . import two_steps
from .contract import prepare_all, send
from .two_steps import DAY, TwoStepPlatform, TwoSteps, refusal, refused, saved_steps, shown

host, attach = two_steps.host, two_steps.attach


class InstagramPlatform(TwoStepPlatform):
    adapter_class = Instagram

    def settings(self):
        return {
            "api_url": self.standin.url,
            "upload_url": self.standin.url,
            "account": self.standin.account,
            "access_token": self.standin.access_token,
            "app_secret": self.standin.app_secret,
        }

    def renewable(self, age=None, **changes):
        """Only Instagram Login renews."""
        self.standin.login = "instagram"
        self.standin.accounts = [replace(self.standin.accounts[0], scopes=frozenset(BY_INSTAGRAM.values()))]
        return super().renewable(age, **{"login": "instagram", "app_secret": None, **changes})


@pytest.fixture
def platform():
    with InstagramStandin() as standin:
        yield InstagramPlatform(standin)


class InstagramContract(TwoSteps):
    """Instagram names its pauses in whole minutes."""

    def test_a_wait_that_the_platform_names_is_told(self, adapter, platform, sample):
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.script("publish", faults.throttle(35))

        with pytest.raises(Throttled) as pause:
            adapter.publish(halo, prepared)

        assert pause.value.retry_after.total_seconds() == 60
        assert platform.public == []

    def test_a_throttled_upload_says_so(self, adapter, platform, uploads):
        platform.script("upload", faults.throttle(150))

        with pytest.raises(Throttled) as pause:
            prepare_all(adapter, uploads, platform)

        assert pause.value.retry_after.total_seconds() == 180


class TestContract(InstagramContract):
    """Everything asked of every channel."""


# Errors


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        # at the flip
        (refusal(4, 2207051), Uncertain),
        (refusal(24, 2207008), Uncertain),
        (refusal(100, 33), Uncertain),
        (refusal(-1, 2207032), Uncertain),
        (refusal(-1), Uncertain),
        (refusal(2, status=500), Uncertain),
        (refusal(1), Uncertain),
        (refusal(9007, 2207027, status=500), Uncertain),
        (refusal(9999, is_transient=True), Uncertain),
        (refusal(24, 2207006), Unknown),
        (refusal(-2, 2207020), Unknown),
        (refusal(9007, 2207027), NotTaken),
        (refusal(9, 2207042), Throttled),
        (refusal(4), Throttled),
        (refusal(80002), Throttled),
        (refusal(25, 2207050), Unauthorized),
        (refusal(190, 463), Unauthorized),
        (refusal(10), Unauthorized),
        (refusal(100), Refused),
        # before it
        (refusal(9004, 2207052, irrevocable=False), Unreachable),
        (refusal(-2, 2207003, irrevocable=False), Unreachable),
        (refusal(-1, 2207001, irrevocable=False), Unreachable),
        (refusal(-1, 2207053, irrevocable=False), Unreachable),
        (refusal(24, 2207008, irrevocable=False), Unreachable),
        (refusal(2, irrevocable=False), Unreachable),
        (refusal(9007, 2207027, irrevocable=False), NotYet),
        (refusal(4, 2207051, irrevocable=False), Unauthorized),
        (refusal(24, 2207006, irrevocable=False), Missing),
        (refusal(100, 33, irrevocable=False), Missing),
        (refusal(36000, 2207004, irrevocable=False), Refused),
        (refusal(36001, 2207005, irrevocable=False), Refused),
        (refusal(36003, 2207009, irrevocable=False), Refused),
        (refusal(36004, 2207010, irrevocable=False), Refused),
        (refusal(352, 2207026, irrevocable=False), Refused),
        (refusal(100, 2207023, irrevocable=False), Refused),
        (refusal(100, 190, error_user_msg="2207051 says code 4", irrevocable=False), Refused),  # texts decide nothing
        (Answer(502, {}, b"<h1>Bad Gateway</h1>", True), Uncertain),
        (Answer(400, {}, b'{"error": "unknown"}', True), type(None)),
        (Answer(404, {}, b"[]", True), type(None)),
    ],
    ids=shown,
)
def test_an_error_is_named_by_its_code_and_subcode(answer, error):
    named = instagram._translate(answer)

    assert isinstance(named, error)
    assert error is not Uncertain or not isinstance(named, Refused)
    assert error is not Unreachable or not isinstance(named, NotTaken)


def test_staff_read_what_helps_against_a_shape_that_instagram_does_not_take():
    error = instagram._translate(refusal(36003, 2207009, irrevocable=False, error_user_msg="The aspect ratio."))

    assert "The aspect ratio." in str(error)
    assert "4:5" in error.hint
    assert error.reason()["values"]["trace"] == "AbC"


# The flip


@pytest.fixture
def photo(part, photos):
    return part(kind="photo", attachments=(photos[0],))


def blocked():
    return {"error": {"message": "M", "code": 4, "error_subcode": 2207051, "type": "OAuthException"}}


def test_a_block_reported_for_a_post_that_is_live_is_no_failure(adapter, platform, photo, since):
    prepared = prepare_all(adapter, photo, platform)
    platform.script("publish", faults.error_after_accepting(400, blocked()))

    with pytest.raises(Uncertain):
        adapter.publish(photo, prepared)
    (found,) = adapter.find(photo, prepared, since)

    assert found.id == platform.public[0].id
    assert found.url == platform.public[0].url


def test_a_block_reported_for_a_post_that_is_not_live_lets_the_same_container_be_flipped(
    adapter, platform, photo, since
):
    prepared = prepare_all(adapter, photo, platform)
    platform.script("publish", faults.refuse(400, blocked()))

    with pytest.raises(Uncertain):
        adapter.publish(photo, prepared)
    assert list(adapter.find(photo, prepared, since)) == []
    receipt = adapter.publish(photo, prepared)

    assert [live.id for live in platform.public] == [receipt.id]


def test_a_container_published_before_is_uncertain_whatever_its_refusal_is_called(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    adapter.publish(photo, prepared)
    platform.script("publish", faults.accept(), faults.refuse(400, json.loads(refusal(9007, 2207027).content)))

    for _ in range(2):
        with pytest.raises(Uncertain):
            adapter.publish(photo, prepared)

    assert len(platform.public) == 1


def test_a_container_that_is_not_ready_is_flipped_later(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    platform.script("publish", faults.refuse(400, json.loads(refusal(9007, 2207027).content)))

    with pytest.raises(Unreachable) as later:
        adapter.publish(photo, prepared)

    assert not isinstance(later.value, Stale)
    assert adapter.publish(photo, prepared).id == platform.public[0].id


def test_a_container_that_cannot_be_asked_after_a_refusal_leaves_it_uncertain(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    platform.script("publish", faults.refuse(400, json.loads(refusal(24, 2207006).content)))
    platform.standin.script("status", faults.error_before(500))

    with pytest.raises(Uncertain):
        adapter.publish(photo, prepared)


def test_a_day_that_fills_up_meanwhile_is_a_pause_as_well(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    platform.standin.elsewhere = 50

    with pytest.raises(Throttled) as pause:
        adapter.publish(photo, prepared)

    assert pause.value.retry_after == timedelta(hours=1)


# Looking


def test_the_newest_post_is_not_ours_because_it_is_the_newest(adapter, platform, part, photos, photo, since):
    prepared = prepare_all(adapter, photo, platform)
    platform.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(photo, prepared)
    ours = platform.public[0].id
    send(adapter, part(text="Pasar Raya buka.", attachments=(photos[1],)), platform)
    send(adapter, part(attachments=tuple(photos)), platform)  # the same words below other pictures

    assert [found.id for found in adapter.find(photo, prepared, since)] == [ours]


def test_a_published_container_that_is_not_listed_yet_is_not_absent(adapter, platform, photo, since):
    prepared = prepare_all(adapter, photo, platform)
    adapter.publish(photo, prepared)
    platform.script("list", faults.lag(1))

    with pytest.raises(Uncertain):
        adapter.find(photo, prepared, since)


def test_a_container_that_hides_is_no_proof_of_absence_but_the_list_is_one_of_presence(adapter, platform, photo, since):
    prepared = prepare_all(adapter, photo, platform)
    hidden = refused(100, 33)
    platform.standin.script("status", hidden)
    with pytest.raises(Uncertain):
        adapter.find(photo, prepared, since)
    receipt = adapter.publish(photo, prepared)
    platform.standin.script("status", hidden)

    (found,) = adapter.find(photo, prepared, since)

    assert found.id == receipt.id


def test_words_that_are_only_a_link_are_compared_letter_for_letter(adapter, platform, part, photos, since):
    ours, theirs = (part(text=f"https://padang.go.id/{n}", attachments=(photos[0],)) for n in (1, 2))
    send(adapter, theirs, platform)

    assert list(adapter.find(ours, prepare_all(adapter, ours, platform), since)) == []
    assert len(adapter.find(theirs, Prepared(), since)) == 1


def test_every_page_of_the_list_is_read(adapter, platform, part, photos, since):
    first = send(adapter, part(text="Nomor nol.", attachments=(photos[0],)), platform)
    platform.standin.quota = 1000
    for number in range(1, 51):
        send(adapter, part(text=f"Nomor {number}.", attachments=(photos[0],)), platform)
    before = len(platform.calls("list"))

    (found,) = adapter.find(part(text="Nomor nol.", attachments=(photos[0],)), Prepared(), since)

    assert found.id == first.id
    assert len(platform.calls("list")) - before == 2


# Containers


def test_a_host_that_does_not_answer_is_asked_again(adapter, platform, part, photos, host):
    path = "/" + photos[0].url.rpartition("/")[2]
    file = host.files.pop(path)
    with pytest.raises(Unreachable):
        prepare_all(adapter, part(attachments=(photos[0],)), platform)

    host.files[path] = file
    send(adapter, part(attachments=(photos[0],)), platform)

    assert len(platform.public) == 1


def test_a_container_that_fails_twice_is_for_people_to_change(adapter, platform, photo):
    platform.standin.processing_polls = 0
    platform.standin.causes.extend(["2207032", "2207032"])

    saved, first = saved_steps(adapter, photo)
    _saved, second = saved_steps(adapter, photo, saved)

    assert isinstance(first, Unreachable)
    assert isinstance(second, Refused)


def test_a_container_that_expired_unseen_is_rebuilt_however_often(adapter, platform, photo):
    prepared = prepare_all(adapter, photo, platform)
    for _ in range(3):
        platform.wait(timedelta(hours=25))
        prepared, why = saved_steps(adapter, photo, prepared)
        assert isinstance(why, Unreachable)
        prepared = prepare_all(adapter, photo, platform, prepared)

    assert adapter.publish(photo, prepared).id == platform.public[0].id


# Reels


@pytest.fixture
def reel(part, clip):
    return part(kind="video", attachments=(replace(clip, url=None),))


def test_the_bytes_of_a_reel_are_sent_and_need_no_public_address(adapter, platform, reel, host):
    receipt = send(adapter, reel, platform)

    assert receipt.url == f"https://www.instagram.com/reel/{platform.public[0].url.split('/')[-2]}/"
    assert platform.public[0].media[0].bytes == reel.attachments[0].path.read_bytes()
    assert host.asked == []


def test_a_reel_is_fetched_where_nothing_can_be_uploaded(platform, part, clip, host):
    settings = Instagram.Settings(**{**platform.settings(), "upload_url": ""})
    fetching = Instagram(settings, network=platform.adapter().network)

    send(fetching, part(kind="video", attachments=(clip,)), platform)

    assert len(host.asked) == 1
    assert platform.public[0].media[0].bytes == clip.path.read_bytes()


def test_an_upload_that_broke_leaves_its_container_behind(adapter, platform, reel):
    platform.script("upload", faults.drop())
    saved, why = saved_steps(adapter, reel)

    send_on = prepare_all(adapter, reel, platform, saved)
    adapter.publish(reel, send_on)

    assert isinstance(why, Unreachable)
    assert len(platform.public) == 1


def test_the_login_is_sent_to_no_host_but_the_one_that_is_set(adapter, platform, reel, host):
    elsewhere = host.serve(b"", "text/plain")
    platform.standin.script("stage", faults.reply(200, {"id": "1", "uri": elsewhere}))

    with pytest.raises(Unauthorized):
        prepare_all(adapter, reel, platform)

    assert host.asked == []


def test_a_video_that_is_none_is_refused_when_it_has_failed_twice(adapter, platform, part, attach):
    broken = part(kind="video", attachments=(attach(b"%PDF-1.7 bukan video", "video/mp4", duration=2.0),))
    saved = Prepared()

    for expected in (Unreachable, Refused):
        with pytest.raises(expected):
            while True:
                saved, why = saved_steps(adapter, broken, saved)
                if not isinstance(why, NotYet):
                    raise why


def test_a_refusal_of_the_upload_host_is_tried_again(adapter, platform, reel):
    told = {"debug_info": {"retriable": False, "type": "ProcessingFailedError", "message": "M"}}
    platform.script("upload", faults.reply(400, told))

    with pytest.raises(Unreachable):
        prepare_all(adapter, reel, platform)


# Figures


def test_one_medium_that_is_gone_is_found_without_asking_one_by_one(adapter, platform, part, photos):
    receipts = [
        send(adapter, part(text=f"Nomor {number}.", attachments=(photos[0],)), platform) for number in range(16)
    ]
    adapter.remove(receipts[5])

    figures = adapter.measure(receipts)

    assert [number for number, receipt in enumerate(receipts) if figures[receipt.id] == Gone()] == [5]
    assert len(platform.calls("measure")) <= 2 * 5


def test_a_medium_that_lacks_a_metric_keeps_its_plain_counts(adapter, platform, photo):
    receipt = send(adapter, photo, platform)
    platform.wait(timedelta(days=2))
    platform.script("measure", faults.reply(400, {"error": {"code": 100, "message": "no such metric"}}))

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.reach) == (None, None)
    assert counts.likes > 0


def test_without_the_right_to_insights_the_plain_counts_remain(platform, photo):
    platform.standin.accounts = [replace(SAMPLE, scopes=SCOPES - {"instagram_manage_insights"})]
    receipt = send(adapter := platform.adapter(), photo, platform)
    platform.wait(timedelta(days=2))

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.saves) == (None, None)
    assert counts.comments > 0


def test_a_figure_that_is_not_told_yet_is_not_nought(adapter, platform, photo):
    receipt = send(adapter, photo, platform)

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.saves) == (None, None)
    assert counts.likes == 0


# The login


def test_a_token_of_facebook_login_is_not_renewed_but_its_end_is_told(platform):
    platform.standin.issued[platform.standin.token] = datetime.now(UTC) - 50 * DAY
    adapter = platform.adapter()

    assert adapter.renew() is None
    assert adapter.renews is False
    assert 9 * DAY < adapter.check().expires - datetime.now(UTC) <= 10 * DAY
    assert platform.standin.renewals == 0


@pytest.mark.parametrize(
    "answer",
    [
        None,
        refused(100),
        refused(190),
        faults.throttle(),
        faults.drop(),
        faults.reply(200, {"data": {"expires_at": "soon"}}),
    ],
    ids=["never", "no", "no login", "pause", "trouble", "nonsense"],
)
def test_an_end_that_is_not_told_says_nothing_against_the_login(adapter, platform, answer):
    if answer:
        platform.standin.script("debug", answer)

    account = adapter.check()

    assert (account.id, account.expires) == (platform.account, None)


def test_whose_login_it_is_is_told_by_the_address_unless_said(platform):
    def renews(**settings):
        return platform.adapter_with(**settings).renews

    assert renews(api_url="https://graph.instagram.com")
    assert not renews(api_url="https://graph.facebook.com")
    assert not renews(api_url="https://graph.instagram.com", login="facebook")
    assert renews(login="instagram")


def test_with_instagram_login_videos_are_fetched_and_nothing_is_removed(platform, part, photos, clip, host):
    adapter = platform.renewable(upload_url="")
    receipt = send(adapter, part(attachments=(photos[0], clip)), platform)

    with pytest.raises(Refused):
        adapter.remove(receipt)

    assert len(host.asked) == 2
    assert len(platform.public) == 1


# Words and settings


def test_a_video_beside_pictures_lasts_a_minute_at_most_and_people_are_told_in_time(platform, part, photos, clip):
    long = replace(clip, duration=60.5)
    alone, beside = part(attachments=(long,)), part(attachments=(photos[0], long))

    assert Instagram.objection(alone) is None
    assert Instagram.objection(part(attachments=(photos[0], clip))) is None
    assert "60 seconds beside other files" in str(Instagram.objection(beside))


def test_the_caption_is_counted_in_utf_16_units():
    assert [Instagram.length(text) for text in ("Padang", "é", "👍🏽", "🇮🇩")] == [6, 1, 4, 4]


@pytest.mark.parametrize(
    "wrong", [{"version": "26.0"}, {"version": "v26.0/me"}, {"account": "1/media"}, {"account": ""}]
)
def test_settings_that_would_bend_the_address_are_refused(platform, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Instagram.Settings(**{**platform.settings(), **wrong})


def test_the_token_goes_in_a_header_and_the_address_has_the_version(adapter, platform, reel, since, caplog):
    caplog.set_level(logging.DEBUG, logger="urllib3.connectionpool")
    platform.standin.requires_proof = True

    receipt = send(adapter, reel, platform)
    adapter.find(reel, Prepared(), since)
    adapter.measure([receipt])

    assert platform.standin.access_token not in caplog.text
    assert "content_publishing_limit?" in caplog.text
