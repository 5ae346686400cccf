"""TikTok: the contract in three ways of publishing, and what only TikTok does."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from dissem.channels import client, tiktok
from dissem.channels.adapter import Certainty, Counts, Gone, Prepared, Receipt, Stage
from dissem.channels.client import Answer
from dissem.channels.errors import (
    NotYet,
    Refused,
    Throttled,
    Unauthorized,
    Uncertain,
    Unreachable,
)
from dissem.channels.tiktok import TikTok
from dissem.channels.tiktok_errors import given_up, translate
from dissem.channels.tiktok_posts import exact
from dissem.rehearsal import faults
from dissem.rehearsal.standin import Standin, route
from dissem.rehearsal.tiktok import TikTokStandin
from dissem.rehearsal.tiktok_tasks import check_chunks
from dissem.rehearsal.wire import Answer as Reply

from .contract import LOOPBACK, AdapterContract, Platform, prepare_all, send, settle, whole


class TikTokPlatform(Platform):
    adapter_class = TikTok
    operations = Platform.operations | {"check": "account", "list": "status"}
    uploads_in_prepare = False  # nor does it upload photos; the pieces of videos are tested below
    mode = "direct"

    def settings(self):
        creator, door = self.standin.accounts[0], self.standin.door
        return {
            "api_url": self.standin.url,
            "mode": self.mode,
            "client_id": door.client_key,
            "client_secret": door.client_secret,
            "refresh_token": creator.refresh_token,
            "access_token": creator.token,
        }

    def adapter(self, **changes):
        settings = TikTok.Settings(**{**self.settings(), **changes})
        return TikTok(settings, network=LOOPBACK, account=self.account)

    def script(self, operation, *verbs):
        """A post is asked for by its id, so there is no listing that could lag behind."""
        super().script(operation, *(verb for verb in verbs if verb.kind != "lag"))


class PhotoPlatform(TikTokPlatform):
    always_names_the_wait = True  # the limits are over a minute
    max_text = 4000


class InboxPlatform(TikTokPlatform):
    """A person posts every draft at once, as it came: that of a video has no words."""

    mode = "inbox"
    max_text = None  # read by nobody but the person

    def shows(self, live, part):
        """The photos that the suite sends along with videos do bring their words."""
        return super().shows(live, part if live.media[0].type.startswith("image/") else replace(part, text=""))


class MediaHost(Standin):
    """A public place for photos: each lies under its SHA-256."""

    name = "media"

    def __init__(self):
        super().__init__()
        self.files = {}

    @route("GET", "/{sha256}.jpg")
    def photo(self, request):
        return Reply(200, self.files[request.params["sha256"]], {"Content-Type": "image/jpeg"})

    def published(self, attachment):
        self.files[attachment.sha256] = attachment.path.read_bytes()
        return replace(attachment, url=f"{self.url}/{attachment.sha256}.jpg")


@pytest.fixture(scope="module")
def media():
    with MediaHost() as host:
        yield host


@pytest.fixture
def photos(photos, media):
    return [media.published(photo) for photo in photos]


@pytest.fixture
def attach(attach, media):
    def published(*given, **changes):
        return media.published(attach(*given, **changes))

    return published


@pytest.fixture
def standin():
    with TikTokStandin() as running:
        yield running
        assert not running.accidents


@pytest.fixture
def platform(standin):
    return TikTokPlatform(standin)


@pytest.fixture
def film(part, clip):
    return part(kind="video", attachments=(clip,))


class Contract(AdapterContract):
    """TikTok lets no app remove a post: a person does it."""

    def test_a_removed_post_is_gone_and_the_others_are_counted(self, adapter, platform, sample):
        stays, goes = (send(adapter, sample(text=f"Nomor {n} dari dua."), platform) for n in (1, 2))
        platform.standin.take_down(goes.id)

        figures = adapter.measure([stays, goes])

        assert isinstance(figures[stays.id], Counts)
        assert figures.get(goes.id, Gone()) == Gone()


class OfVideos:
    @pytest.fixture
    def sample(self, part, clip):
        return lambda **changes: part(**{"kind": "video", "attachments": (clip,), **changes})


class TestDirectVideos(OfVideos, Contract):
    @pytest.fixture
    def platform(self):
        with TikTokStandin(polls=0) as standin:
            yield TikTokPlatform(standin)


class TestDirectPhotos(Contract):
    @pytest.fixture
    def platform(self):
        with TikTokStandin(polls=0) as standin:
            yield PhotoPlatform(standin)


class TestInboxVideos(OfVideos, Contract):
    @pytest.fixture
    def platform(self):
        with TikTokStandin(polls=0, posts_drafts=True) as standin:
            yield InboxPlatform(standin)


# Words and facts


@pytest.mark.parametrize(("text", "length"), [("", 0), ("Padang", 6), ("é", 1), ("😀", 2), ("👩‍👩‍👧", 8)])
def test_lengths_are_utf_16_units(text, length):
    assert TikTok.length(text) == length


def test_a_video_can_be_asked_for_and_photos_cannot(adapter, part, film, photos):
    assert adapter.certainty(film) is Certainty.STAGED
    assert adapter.certainty(part(attachments=tuple(photos))) is Certainty.BLIND


def test_a_draft_is_the_default(platform):
    given = {name: value for name, value in platform.settings().items() if name != "mode"}

    assert TikTok.Settings(**given).mode == "inbox"


# The pieces of a video


MIB = 2**20


@pytest.mark.parametrize(
    "size", [1, 5 * MIB - 1, 5 * MIB, 10 * MIB - 1, 10 * MIB, 50_000_123, 64 * MIB + 1, 999_999_999, 4_000_000_000]
)
def test_pieces_of_every_size_of_video_keep_tiktoks_rule(attach, size):
    video = replace(attach(b"x", "video/mp4"), size=size)
    count = tiktok._pieces(video)
    source = {"video_size": size, "chunk_size": size // count, "total_chunk_count": count}

    _, chunk, _ = check_chunks(source, 5 * MIB)

    assert size - (count - 1) * chunk <= 10 * MIB  # the last piece, which is sent within one bounded request


@pytest.fixture
def in_pieces(standin, monkeypatch):
    """Four pieces for the clip."""
    monkeypatch.setattr(tiktok, "CHUNK", 10_000)
    standin.least_chunk = 10_000


def sent(standin):
    return [(entry.label, entry.status) for entry in standin.journal if entry.method == "PUT"]


def test_the_last_piece_takes_what_is_left_and_is_the_publishing(adapter, platform, standin, film, in_pieces):
    send(adapter, film, platform)

    assert sent(standin) == [("upload", 206)] * 3 + [("publish", 201)]
    (task,) = standin.tasks.values()
    assert (task.count, task.size // task.chunk) == (4, 4)
    assert standin.public[0].media[0].bytes == film.attachments[0].path.read_bytes()


@pytest.mark.parametrize("broken", range(3))
@pytest.mark.parametrize("verb", [faults.drop(), faults.drop_after_accepting()], ids=lambda verb: verb.kind)
def test_a_broken_upload_goes_on_where_tiktok_is(adapter, platform, standin, film, in_pieces, broken, verb):
    standin.script("upload", *[faults.accept()] * broken, verb)
    saved = Prepared()
    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step

    settle(adapter, adapter.publish(film, prepare_all(adapter, film, platform, saved)), platform)

    assert len(standin.tasks) == 1
    assert standin.public[0].media[0].bytes == film.attachments[0].path.read_bytes()


def test_an_upload_whose_hour_is_over_begins_anew(adapter, platform, standin, film, in_pieces):
    steps = adapter.prepare(film, Prepared())
    saved = [next(steps), next(steps)][-1]
    platform.wait(timedelta(hours=1, seconds=1))

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step
    settle(adapter, adapter.publish(film, prepare_all(adapter, film, platform, saved)), platform)

    assert len(standin.tasks) == 2
    assert len(standin.public) == 1


def test_an_upload_that_tiktok_gave_up_begins_anew(adapter, standin, film, in_pieces):
    steps = adapter.prepare(film, Prepared())
    saved = [next(steps), next(steps)][-1]
    next(iter(standin.tasks.values())).fail("internal")
    standin.script("upload", faults.reply(416))

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step

    assert saved == Prepared()


def test_an_upload_that_never_moves_is_left_for_later(adapter, standin, film, in_pieces):
    standin.script("upload", *[faults.reply(416)] * 9)

    with pytest.raises(Unreachable):
        list(adapter.prepare(film, Prepared()))

    assert len(sent(standin)) == 1


def test_what_is_prepared_is_good_for_less_than_the_upload_address(adapter, film):
    saved = next(adapter.prepare(film, Prepared()))

    assert timedelta(minutes=50) < saved.expires - datetime.now(UTC) < timedelta(hours=1)
    assert adapter.facts.ahead < timedelta(hours=1)


def test_the_file_goes_to_tiktok_and_nowhere_else(adapter, standin, film):
    told = {"data": {"publish_id": "v_1", "upload_url": "https://tiktokapis.com.example/x"}, "error": {"code": "ok"}}
    standin.script("init", faults.reply(200, told))

    with pytest.raises(Unreachable):
        list(adapter.prepare(film, Prepared()))

    assert adapter._is_tiktoks("https://open-upload.tiktokapis.com/video/?upload_id=1")
    assert "Authorization" not in adapter.host.headers


@pytest.mark.parametrize("status", [200, 206, 403, 404, 416])
def test_an_unclear_answer_to_the_last_piece_may_mean_that_it_is_there(adapter, platform, standin, film, status):
    prepared = prepare_all(adapter, film, platform)
    standin.script("publish", faults.reply(status))

    with pytest.raises(Uncertain):
        adapter.publish(film, prepared)


# What the creator allows


def labels(standin):
    return [entry.label for entry in standin.journal]


def test_the_creator_is_asked_before_every_direct_post_and_not_for_drafts(
    adapter, platform, standin, part, film, photos
):
    prepare_all(adapter, film, platform)
    prepare_all(adapter, part(attachments=tuple(photos)), platform)
    direct = labels(standin)
    standin.journal.clear()
    drafts = platform.adapter(mode="inbox")
    prepare_all(drafts, film, platform)
    prepare_all(drafts, part(attachments=tuple(photos)), platform)

    assert direct == ["creator", "init", "creator"]
    assert labels(standin) == ["init"]


def test_interactions_are_off_unless_the_channel_and_the_creator_allow_them(platform, standin, film):
    open_to_all = platform.adapter(comments=True, duet=True, stitch=True)
    prepare_all(platform.adapter(), film, platform)
    prepare_all(open_to_all, film, platform)
    standin.accounts[0] = replace(standin.accounts[0], comment_disabled=True, duet_disabled=True)
    prepare_all(open_to_all, film, platform)

    asked = [
        [task.info[f"disable_{name}"] for name in ("comment", "duet", "stitch")] for task in standin.tasks.values()
    ]

    assert asked == [[True, True, True], [False, False, False], [True, True, False]]


def test_photos_obey_the_creator_too(platform, standin, part, photos):
    adapter = platform.adapter(comments=True)
    standin.accounts[0] = replace(standin.accounts[0], comment_disabled=True)

    send(adapter, part(attachments=tuple(photos)), platform)

    (task,) = standin.tasks.values()
    assert task.info["disable_comment"] is True
    assert task.info["auto_add_music"] is False


def test_a_video_that_this_creator_may_not_post_is_refused_before_it_is_sent(adapter, standin, part, clip):
    standin.accounts[0] = replace(standin.accounts[0], longest_video=180)
    long = part(kind="video", attachments=(replace(clip, duration=181.0),))

    with pytest.raises(Refused, match="180"):
        list(adapter.prepare(long, Prepared()))

    assert labels(standin) == ["creator"]


def test_a_private_account_cannot_be_posted_to_publicly(adapter, standin, film):
    standin.accounts[0] = replace(standin.accounts[0], private=True)

    with pytest.raises(Unauthorized, match=r"privacy|privasi"):
        list(adapter.prepare(film, Prepared()))
    with pytest.raises(Unauthorized):
        adapter.check()


def test_an_app_without_audit_is_told_to_use_the_inbox(adapter, standin, film):
    standin.audited = False

    with pytest.raises(Unauthorized) as refusal:
        list(adapter.prepare(film, Prepared()))

    assert "inbox" in refusal.value.hint


def test_a_full_day_is_waited_for_although_it_is_told_with_200(adapter, standin, film):
    standin.posts_a_day = 0

    with pytest.raises(Throttled) as pause:
        list(adapter.prepare(film, Prepared()))

    assert pause.value.retry_after == timedelta(hours=1)
    assert adapter.check().id == standin.accounts[0].id


def test_a_banned_account_stops_although_it_is_told_with_200(adapter, standin, film):
    standin.accounts[0] = replace(standin.accounts[0], banned=True)

    with pytest.raises(Unauthorized):
        list(adapter.prepare(film, Prepared()))
    with pytest.raises(Unauthorized):
        adapter.check()


# Photos


def test_photos_without_a_public_address_are_refused_and_nothing_is_sent(adapter, standin, part, photos):
    with pytest.raises(Refused, match=r"public address|alamat publik"):
        list(adapter.prepare(part(attachments=(photos[0], replace(photos[1], url=None))), Prepared()))
    with pytest.raises(Refused):
        list(adapter.prepare(part(), Prepared()))

    assert standin.journal == []


def test_what_the_creator_allowed_is_not_believed_for_long(adapter, part, photos):
    (saved,) = adapter.prepare(part(attachments=tuple(photos)), Prepared())

    assert saved.expires - datetime.now(UTC) <= timedelta(minutes=30)


def test_an_address_the_app_does_not_own_is_refused_with_what_to_do(adapter, platform, standin, part, photos):
    standin.verified = ["https://media.padang.example/"]
    photo = part(attachments=(photos[0],))

    with pytest.raises(Refused) as refusal:
        adapter.publish(photo, prepare_all(adapter, photo, platform))

    assert "URL properties" in refusal.value.hint


def test_a_lost_answer_for_photos_is_for_a_person(adapter, platform, standin, part, photos, since):
    photo = part(attachments=(photos[0],))
    prepared = prepare_all(adapter, photo, platform)
    standin.script("publish", faults.drop_after_accepting())

    with pytest.raises(Uncertain):
        adapter.publish(photo, prepared)
    with pytest.raises(Uncertain):
        adapter.find(photo, prepared, since)


# What becomes of it


def test_a_post_is_public_when_moderation_is_over(adapter, platform, standin, film):
    standin.polls, standin.moderation = 1, 1
    receipt = adapter.publish(film, prepare_all(adapter, film, platform))
    waits = []
    for _ in range(2):
        with pytest.raises(NotYet) as later:
            adapter.confirm(receipt)
        waits.append(later.value.retry_after)

    confirmed = adapter.confirm(receipt)

    (live,) = standin.public
    assert receipt.stage is Stage.PROCESSING
    assert (confirmed.id, confirmed.stage) == (live.id, Stage.PUBLIC)
    assert confirmed.url == live.url
    assert confirmed.also == (receipt.id,)
    assert waits == [timedelta(seconds=20), timedelta(minutes=2)]
    assert adapter.confirm(confirmed) == confirmed


def test_a_tiktok_large_id_keeps_all_digits(adapter, platform, standin, film):
    """TikTok writes it as a JSON number, and read as a float it would end in noughts."""
    receipt = settle(adapter, adapter.publish(film, prepare_all(adapter, film, platform)), platform)

    (live,) = standin.public
    assert receipt.id == live.id
    assert int(receipt.id) > 2**53
    assert str(int(float(receipt.id))) != receipt.id


@pytest.mark.parametrize("number", [7512000000000000123, "7512000000000000123"])
def test_an_id_is_kept_as_it_is(number):
    assert exact(number) == "7512000000000000123"


@pytest.mark.parametrize("number", [7.512e18, None, True, "", "7.5e18", [1]])
def test_an_id_that_lost_digits_is_none(number):
    with pytest.raises(Unreachable):
        exact(number)


@pytest.mark.parametrize("kind", ["video", "photo"])
def test_without_a_shared_link_the_address_is_made_of_name_and_id(adapter, platform, standin, part, film, photos, kind):
    standin.accounts[0] = replace(standin.accounts[0], scopes=frozenset({"video.publish"}))
    post = film if kind == "video" else part(attachments=tuple(photos))

    receipt = send(adapter, post, platform)

    assert receipt.url == f"https://www.tiktok.com/@humaskota/{kind}/{standin.public[0].id}"


def test_an_address_that_cannot_be_had_does_not_unpublish(adapter, platform, standin, film):
    standin.accounts[0] = replace(standin.accounts[0], scopes=frozenset({"video.publish"}))
    standin.polls = 0
    receipt = adapter.publish(film, prepare_all(adapter, film, platform))
    standin.script("creator", faults.error_before(500))

    confirmed = adapter.confirm(receipt)

    assert (confirmed.stage, confirmed.url, confirmed.id) == (Stage.PUBLIC, None, standin.public[0].id)


@pytest.mark.parametrize(
    "reason", ["spam_risk_text", "spam_risk_too_many_posts", "auth_removed", "internal", "new_one"]
)
def test_a_post_that_tiktok_gave_up_is_refused_with_its_reason(adapter, platform, standin, film, reason):
    standin.gives_up = reason

    with pytest.raises(Refused) as refusal:
        send(adapter, film, platform)

    assert refusal.value.reason()["values"]["code"] == reason
    assert standin.public == []


def test_every_documented_reason_has_a_sentence_of_its_own():
    reasons = [
        "file_format_check_failed",
        "duration_check_failed",
        "frame_rate_check_failed",
        "picture_size_check_failed",
        "internal",
        "video_pull_failed",
        "photo_pull_failed",
        "publish_cancelled",
        "auth_removed",
        "spam_risk_too_many_posts",
        "spam_risk_user_banned_from_posting",
        "spam_risk_text",
        "spam_risk",
    ]

    assert not [reason for reason in reasons if "{code}" in given_up(reason).text]


def test_what_is_not_for_everyone_has_neither_link_nor_figures(platform, standin, film):
    adapter = platform.adapter(privacy="SELF_ONLY")

    receipt = send(adapter, film, platform)

    assert (receipt.stage, receipt.url) == (Stage.PUBLIC, None)
    assert standin.public == []
    assert adapter.measure([receipt]) == {}


# Drafts


def test_a_draft_is_handed_over_when_it_is_in_the_inbox(platform, standin, film):
    adapter = platform.adapter(mode="inbox")
    receipt = adapter.publish(film, prepare_all(adapter, film, platform))

    handed = settle(adapter, receipt, platform)

    assert receipt.stage is Stage.PROCESSING
    assert handed == Receipt(receipt.id, stage=Stage.HANDED)
    assert [task.id for task in standin.inbox] == [receipt.id]
    assert standin.public == []


def test_a_draft_that_tiktok_cannot_use_is_not_called_handed_over(platform, standin, film):
    adapter = platform.adapter(mode="inbox")
    standin.gives_up = "frame_rate_check_failed"

    with pytest.raises(Refused):
        send(adapter, film, platform)


def test_a_draft_that_a_person_has_posted_twice_is_public_under_both_ids(platform, standin, film):
    adapter = platform.adapter(mode="inbox")
    handed = send(adapter, film, platform)
    still = adapter.confirm(handed)
    first, second = standin.post_draft(handed.id, "Ditulis di ponsel"), standin.post_draft(handed.id)

    posted = adapter.confirm(handed)

    assert still == handed
    assert (posted.id, posted.stage, posted.also) == (first, Stage.PUBLIC, (second, handed.id))


def test_a_draft_posted_for_friends_stays_handed_over(platform, standin, film):
    adapter = platform.adapter(mode="inbox")
    handed = send(adapter, film, platform)
    standin.take_down(standin.post_draft(handed.id))

    assert adapter.confirm(handed).stage is Stage.HANDED


def test_photos_are_drafts_with_their_words(platform, standin, part, photos):
    adapter = platform.adapter(mode="inbox")

    handed = send(adapter, halo := part(attachments=tuple(photos)), platform)

    assert handed.stage is Stage.HANDED
    assert standin.inbox[0].info == {"description": halo.text}


def test_too_many_waiting_drafts_are_waited_for(platform, standin, film):
    standin.drafts_waiting = 0

    with pytest.raises(Throttled) as pause:
        list(platform.adapter(mode="inbox").prepare(film, Prepared()))

    assert pause.value.retry_after == timedelta(hours=1)


# Looking


def test_half_a_video_was_not_posted(adapter, platform, film, since, in_pieces):
    prepared = prepare_all(adapter, film, platform)

    assert list(adapter.find(film, prepared, since)) == []
    assert list(adapter.find(film, Prepared(), since)) == []


def test_a_whole_video_in_processing_is_ours(adapter, platform, standin, film, since):
    standin.polls = 9
    prepared = prepare_all(adapter, film, platform)
    receipt = adapter.publish(film, prepared)

    assert list(adapter.find(film, prepared, since)) == [receipt]


def test_a_lost_draft_is_found_in_the_inbox(platform, standin, film, since):
    standin.polls = 0
    adapter = platform.adapter(mode="inbox")
    prepared = prepare_all(adapter, film, platform)
    adapter.publish(film, prepared)

    (found,) = adapter.find(film, prepared, since)

    assert found.stage is Stage.HANDED


def test_of_a_lost_post_that_failed_the_reason_is_told(adapter, platform, standin, film, since):
    standin.polls, standin.gives_up = 0, "spam_risk"
    prepared = prepare_all(adapter, film, platform)
    adapter.publish(film, prepared)

    (found,) = adapter.find(film, prepared, since)

    with pytest.raises(Refused):
        adapter.confirm(found)


@pytest.mark.parametrize(
    "data", [{}, {"status": "PROCESSING_UPLOAD"}, {"status": "PROCESSING_UPLOAD", "uploaded_bytes": None}]
)
def test_a_status_that_does_not_say_how_much_is_there_proves_nothing(adapter, platform, standin, film, since, data):
    prepared = prepare_all(adapter, film, platform)
    standin.script("status", faults.reply(200, {"data": data, "error": {"code": "ok"}}))

    with pytest.raises((Uncertain, Unreachable)):
        adapter.find(film, prepared, since)


def test_an_id_that_tiktok_forgot_proves_nothing(adapter, film, since):
    with pytest.raises(Uncertain):
        adapter.find(film, Prepared({"publish_id": "v_pub_file~v2-1.1"}), since)


# The login


def stored(platform, secrets):
    """The adapter as the core makes it once *secrets* are in the database."""
    return platform.adapter(**{name: secret.get_secret_value() for name, secret in secrets.items()})


def test_a_renewal_brings_both_tokens_and_their_ends_under_the_names_of_the_settings(adapter, platform, standin):
    old = standin.accounts[0]
    standin.door.access_life, standin.door.refresh_life = timedelta(hours=2), timedelta(days=180)

    secrets = adapter.renew()

    new = standin.accounts[0]
    told = {name: secret.get_secret_value() for name, secret in secrets.items()}
    assert set(secrets) <= set(TikTok.Settings.model_fields)
    assert all(isinstance(secret, SecretStr) for secret in secrets.values())
    assert (told["access_token"], told["refresh_token"]) == (new.token, new.refresh_token)
    assert new.refresh_token != old.refresh_token
    account = stored(platform, secrets).check()
    assert account.expires - datetime.now(UTC) == pytest.approx(timedelta(hours=2), abs=timedelta(seconds=10))
    login_ends = datetime.fromisoformat(account.limits["login_ends"])
    assert login_ends - datetime.now(UTC) == pytest.approx(timedelta(days=180), abs=timedelta(seconds=10))


def test_each_renewal_needs_the_refresh_token_of_the_one_before(adapter, platform):
    second = stored(platform, adapter.renew())

    with pytest.raises(Unauthorized):
        adapter.renew()
    assert second.renew()


def test_nothing_but_a_renewal_spends_the_refresh_token(platform, standin, part, film, photos, since):
    adapter = platform.adapter(access_token=None)
    before = standin.accounts[0].refresh_token

    for act in (
        adapter.check,
        lambda: list(adapter.prepare(film, Prepared())),
        lambda: adapter.publish(part(attachments=tuple(photos)), Prepared()),
        lambda: adapter.find(film, Prepared({"publish_id": "v_1"}), since),
        lambda: adapter.measure([Receipt("7512000000000000123")]),
    ):
        with pytest.raises(NotYet):
            act()

    assert standin.accounts[0].refresh_token == before
    assert standin.journal == []


def test_a_channel_with_a_refresh_token_alone_works_after_its_first_renewal(platform, film):
    first = platform.adapter(access_token=None)

    receipt = send(stored(platform, first.renew()), film, platform)

    assert receipt.stage is Stage.PUBLIC


def test_an_access_token_that_has_ended_is_waited_for_and_pauses_no_channel(platform, standin, film):
    late = str(datetime.now(UTC).timestamp() - 1)

    with pytest.raises(NotYet) as wait:
        list(platform.adapter(access_token_ends=late).prepare(film, Prepared()))

    assert wait.value.retry_after == timedelta(minutes=1)
    assert standin.journal == []


def test_without_a_known_end_check_names_none(adapter):
    assert adapter.check().expires is None


@pytest.mark.parametrize("kept", ["soon", "1e99", ""])
def test_an_end_that_cannot_be_read_is_none(platform, kept):
    assert platform.adapter(access_token_ends=kept).check().expires is None


@pytest.mark.parametrize("status", [400, 200])
def test_a_spent_refresh_token_is_unauthorized_whatever_the_status(adapter, standin, status):
    standin.door.refusal_status = status
    standin.script("token", faults.expired_token())

    with pytest.raises(Unauthorized, match="invalid_grant"):
        adapter.renew()


def test_a_wrong_app_secret_says_where_to_look(platform):
    with pytest.raises(Unauthorized) as refusal:
        platform.adapter(client_secret="x").renew()

    assert "client_secret" in refusal.value.hint


@pytest.mark.parametrize(
    "verb",
    [
        faults.drop(),
        faults.drop_after_accepting(),
        faults.error_before(500),
        faults.html(),
        faults.reply(200, {"access_token": "act.x"}),
        faults.reply(200, {"access_token": 1, "expires_in": 1, "refresh_token": "r", "refresh_expires_in": 1}),
        faults.reply(503, {"error": "temporarily_unavailable"}),
    ],
    ids=lambda verb: f"{verb.kind}{verb.status or ''}",
)
def test_a_renewal_whose_answer_was_lost_is_uncertain_and_shows_no_secret(adapter, platform, standin, verb):
    secrets = platform.secrets
    standin.script("token", verb)

    with pytest.raises(Uncertain) as lost:
        adapter.renew()

    assert [secret for secret in secrets if secret in whole(lost.value)] == []


def test_a_renewal_that_was_too_early_or_never_left_can_be_tried_again(adapter, platform, standin):
    standin.script("token", faults.throttle(40))

    with pytest.raises(Throttled):
        adapter.renew()
    platform.turn_off()
    with pytest.raises(Unreachable):
        adapter.renew()


def test_check_tells_the_limits_of_the_creator_and_works_without_them(adapter, platform, standin):
    direct, draft = adapter.check(), platform.adapter(mode="inbox").check()

    assert (direct.name, direct.url) == ("Humas Kota (gladi)", "https://www.tiktok.com/@humaskota")
    assert direct.limits == {"video_seconds": 600}
    assert (draft.id, draft.url, draft.limits) == (direct.id, None, {})


# Figures


def test_figures_are_asked_in_one_request_for_twenty(adapter, platform, standin, film):
    receipts = []
    for number in range(20):
        receipts.append(send(adapter, replace(film, text=f"Nomor {number}"), platform))
        platform.wait(timedelta(hours=2))
    standin.take_down(receipts[3].id)
    standin.journal.clear()

    figures = adapter.measure(receipts)

    assert labels(standin) == ["measure"]
    assert [number for number, one in enumerate(receipts) if figures[one.id] == Gone()] == [3]
    assert all(figures[one.id].views > 0 for one in receipts if one is not receipts[3])


def test_a_photo_that_is_not_listed_is_not_gone(adapter, platform, standin, part, film, photos):
    photo, video = send(adapter, part(attachments=tuple(photos)), platform), send(adapter, film, platform)
    standin.shows_photos = False

    assert set(adapter.measure([photo, video])) == {video.id}
    assert set(adapter.measure([replace(photo, also=()), video])) == {video.id}


def test_a_draft_whose_link_a_person_gave_is_counted(platform, standin, film):
    adapter = platform.adapter(mode="inbox")
    handed = send(adapter, film, platform)
    link = f"https://www.tiktok.com/@humaskota/video/{standin.post_draft(handed.id)}?is_from_webapp=1"
    platform.wait(timedelta(days=2))

    given = TikTok.receipt_at(link)

    assert given.url == link
    assert adapter.measure([given, handed])[given.id].views > 0


@pytest.mark.parametrize(
    ("url", "post"),
    [
        ("https://www.tiktok.com/@humas.kota/video/7512000000000000123", "7512000000000000123"),
        ("https://www.tiktok.com/@humaskota/photo/7512000000000000125?lang=id", "7512000000000000125"),
        ("https://vm.tiktok.com/ZM1abc/", None),
        ("https://example.org/@humaskota/video/7512000000000000123", None),
        ("https://www.tiktok.com/@humaskota", None),
    ],
)
def test_the_id_is_read_from_a_whole_address(url, post):
    receipt = TikTok.receipt_at(url)

    assert (receipt and receipt.id) == post


def test_a_figure_that_is_missing_is_not_nought(adapter, platform, standin, film):
    receipt = send(adapter, film, platform)
    body = {"data": {"videos": [{"id": receipt.id, "view_count": 5}]}, "error": {"code": "ok"}}
    standin.script("measure", faults.reply(200, body))

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.likes, counts.raw) == (5, None, {"view_count": 5})


@pytest.mark.parametrize("videos", [None, {}, [1], [{}], [{"id": 7.5e18}]])
def test_figures_that_cannot_be_read_make_no_post_gone(adapter, standin, videos):
    standin.script("measure", faults.reply(200, {"data": {"videos": videos}, "error": {"code": "ok"}}))

    with pytest.raises(Unreachable):
        adapter.measure([Receipt("7512000000000000123")])


def test_a_post_is_removed_by_hand(adapter):
    with pytest.raises(Refused):
        adapter.remove(Receipt("7512000000000000123"))


# Errors by their codes


def refusal(code, status=400, irrevocable=True, headers=None, message="M"):
    body = {"data": {}, "error": {"code": code, "message": message, "log_id": "L1"}}
    return Answer(status, headers or {}, json.dumps(body).encode(), irrevocable)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("internal_error", 500), Uncertain),
        (refusal("internal_error", 200), Uncertain),
        (refusal("spam_risk", 503), Uncertain),
        (refusal("internal_error", 500, irrevocable=False), Unreachable),
        (refusal("invalid_publish_id"), Uncertain),
        (refusal("rate_limit_exceeded", 429), Throttled),
        (refusal("something_new", 429), Throttled),
        (refusal("spam_risk_too_many_posts", 403), Throttled),
        (refusal("spam_risk_too_many_pending_share", 403), Throttled),
        (refusal("reached_active_user_cap", 403), Throttled),
        (refusal("access_token_invalid", 401), Unauthorized),
        (refusal("scope_not_authorized", 401), Unauthorized),
        (refusal("scope_permission_missed", 400), Unauthorized),
        (refusal("token_not_authorized_for_specified_publish_id"), Unauthorized),
        (refusal("spam_risk_user_banned_from_posting", 403), Unauthorized),
        (refusal("unaudited_client_can_only_post_to_private_accounts", 403), Unauthorized),
        (refusal("privacy_level_option_mismatch", 403), Unauthorized),
        (refusal("url_ownership_unverified", 403), Refused),
        (refusal("invalid_params"), Refused),
        (refusal("invalid_param"), Refused),
        (refusal("spam_risk", 403), Refused),
        (refusal("spam_risk_text", 403), Refused),
        (refusal("something_new", 403, message="access_token_invalid"), Refused),  # texts decide nothing
        (Answer(502, {}, b"<h1>Bad Gateway</h1>", True), type(None)),
        (Answer(400, {}, b"[]", True), type(None)),
        (Answer(400, {}, b'{"error": "invalid_grant"}', True), type(None)),
    ],
    ids=lambda given: f"{given.status}-{given.content[20:60]!r}" if isinstance(given, Answer) else "",
)
def test_an_error_is_named_by_its_code(answer, error):
    assert isinstance(translate(answer), error)


def test_a_pause_is_a_minute_unless_a_longer_one_is_named():
    assert translate(refusal("rate_limit_exceeded", 429)).retry_after == timedelta(minutes=1)
    assert translate(refusal("rate_limit_exceeded", 429, headers={"Retry-After": "90"})).retry_after == timedelta(
        seconds=90
    )


def test_staff_read_what_tiktok_says_and_the_trace_is_kept():
    error = translate(refusal("invalid_params", message="title is too long"))

    assert "title is too long" in str(error)
    assert error.reason()["values"]["trace"] == "L1"


def test_an_answer_of_200_without_the_envelope_is_uncertain_after_publish(adapter, platform, standin, part, photos):
    photo = part(attachments=(photos[0],))
    prepared = prepare_all(adapter, photo, platform)
    for body in ({}, {"data": {"publish_id": "p_1"}}, {"data": {}, "error": {"code": "ok"}}, []):
        standin.script("publish", faults.reply(200, body))

        with pytest.raises(Uncertain):
            adapter.publish(photo, prepared)


def test_a_refusal_that_comes_with_200_is_a_refusal(adapter, platform, standin, part, photos):
    photo = part(attachments=(photos[0],))
    prepared = prepare_all(adapter, photo, platform)
    standin.script("publish", faults.reply(200, {"data": {}, "error": {"code": "spam_risk", "message": "no"}}))

    with pytest.raises(Refused):
        adapter.publish(photo, prepared)


def test_a_late_answer_to_a_renewal_is_uncertain(adapter, standin, monkeypatch):
    monkeypatch.setattr(client, "READ", 0.1)
    standin.script("token", faults.late(30))

    with pytest.raises(Uncertain):
        adapter.renew()
