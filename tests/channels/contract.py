"""One contract, every adapter: what the queue relies on, asked of each over real sockets or files.

To hold a platform to it, describe its remote side and subclass the suite, in `tests/channels/test_<platform>.py`:

    from .contract import AdapterContract, Platform

    class BoardPlatform(Platform):
        adapter_class = Board
        operations = Platform.operations | {"measure": "insights"}  # only labels that the stand-in names otherwise

        def settings(self):
            return {"api_url": self.standin.url, "access_token": self.standin.token}

    class TestBoard(AdapterContract):
        @pytest.fixture
        def platform(self):
            with BoardStandin() as standin:
                yield BoardPlatform(standin)

Whatever else differs is an attribute or method of `Platform`, with a default that fits most; override only what does
not. A case that a platform cannot have is skipped with its reason by `needs`, never by overriding the test away.
Two settings of one adapter that behave differently (a staging chat, say) are two subclasses.
"""

import json
import logging
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr, ValidationError

from dissem.channels import client
from dissem.channels.adapter import (
    COUNTS,
    Account,
    Adapter,
    Certainty,
    Counts,
    Gone,
    Part,
    Prepared,
    Receipt,
    Stage,
    same_text,
)
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.network import Network
from dissem.rehearsal import faults
from dissem.rehearsal.faults import Verb
from dissem.rehearsal.standin import Live, Standin
from dissem.rehearsal.wire import Entry

LOOPBACK = Network(frozenset({"127.0.0.1"}))
PATIENCE = 50  # rounds of NotYet before a test gives up


class Platform:
    """The remote side of one test: a running stand-in and what the suite has to know about it."""

    adapter_class: ClassVar[type[Adapter]]
    operations: ClassVar[dict[str, str]] = {  # what the suite calls an operation → its label at the stand-in
        name: name for name in ("check", "upload", "publish", "list", "measure", "delete")
    }
    always_names_the_wait = False  # its 429 cannot be without a time
    allows_twins = True  # lets an account publish the same text twice
    uploads_in_prepare = True  # files are sent before `publish`, where the adapter has a `prepare`
    public_link = "http"  # how a link that people can open begins

    def __init__(self, standin: Standin | None) -> None:
        self.standin = standin

    def settings(self) -> dict[str, Any]:
        """The channel's settings, secrets as plain strings."""
        raise NotImplementedError

    @property
    def account(self) -> str:
        """The id that `check` answers."""
        return str(self.standin.accounts[0].id)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must never be shown: by default what the settings hold in SecretStr fields."""
        settings = self.adapter_class.Settings(**self.settings())
        fields = (getattr(settings, name) for name in type(settings).model_fields)
        return tuple(field.get_secret_value() for field in fields if isinstance(field, SecretStr) and field)

    def adapter(self) -> Adapter:
        settings = self.adapter_class.Settings(**self.settings())
        return self.adapter_class(settings, network=LOOPBACK, account=self.account)

    @property
    def public(self) -> Sequence[Live]:
        """What anyone could open now, in the order published; one Live a part."""
        return self.standin.public

    @property
    def max_text(self) -> int | None:
        """Longest text the platform takes, in plain letters."""
        return self.adapter_class.facts.text

    def id_of(self, live: Live) -> str:
        """The receipt id that belongs to *live*."""
        return live.id

    def shows(self, live: Live, part: Part) -> bool:
        """Whether *live* says what *part* says."""
        return same_text(part.text, live.text)

    def script(self, operation: str, *verbs: Verb) -> None:
        """Let *verbs* happen to the coming requests of *operation*."""
        self.standin.script(self.operations.get(operation) or self.operations["list"], *verbs)

    def offers(self, operation: str) -> bool:
        """Whether the stand-in has *operation*."""
        return self.standin is not None and self.operations[operation] in self.standin.labels

    def calls(self, operation: str) -> list[Entry]:
        """The journal of *operation*."""
        return [entry for entry in self.standin.journal if entry.label == self.operations[operation]]

    def finished_uploads(self) -> int:
        """How many files have reached the platform whole."""
        done = (entry for entry in self.calls("upload") if entry.fault not in faults.NOTHING_DONE)
        return sum(200 <= entry.status < 300 for entry in done)

    @property
    def refuses_duplicates(self) -> bool:
        return self.standin is not None and type(self.standin).duplicate_refused is not Standin.duplicate_refused

    def wait(self, span: timedelta) -> None:
        """Let the platform's time pass, without waiting."""
        self.standin.time_offset += span

    def turn_off(self) -> None:
        """Nobody listens any more."""
        self.standin.stop()


def needs(condition: object, reason: str) -> None:
    """Skip the case, for *reason*, unless the platform can have it."""
    if not condition:
        pytest.skip(reason)


def prepare_all(adapter: Adapter, part: Part, platform: Platform, prepared: Prepared | None = None) -> Prepared:
    """Every step of `prepare`, as the queue does them: each yield is kept, NotYet asks again later."""
    saved = prepared or Prepared()
    for _ in range(PATIENCE):
        try:
            for step in adapter.prepare(part, saved):
                saved = step
            return saved
        except NotYet as later:
            platform.wait(later.retry_after or timedelta(seconds=5))
    raise AssertionError("prepare never came to an end")


def settle(adapter: Adapter, receipt: Receipt, platform: Platform) -> Receipt:
    """Confirm until the platform has finished processing."""
    for _ in range(PATIENCE):
        if receipt.stage is not Stage.PROCESSING:
            return receipt
        try:
            receipt = adapter.confirm(receipt)
        except NotYet as later:
            platform.wait(later.retry_after or timedelta(seconds=5))
    raise AssertionError("processing never came to an end")


def send(adapter: Adapter, part: Part, platform: Platform) -> Receipt:
    """Prepare, publish and confirm."""
    receipt = adapter.publish(part, prepare_all(adapter, part, platform))
    return settle(adapter, receipt, platform)


def whole(error: BaseException) -> str:
    """All that a careless log could show of an error: text, repr, reason and traceback with causes."""
    shown = [str(error), repr(error), *traceback.format_exception(error)]
    if isinstance(error, ChannelError):
        shown += [repr(error.reason()), repr(vars(error))]
    return "\n".join(shown)


class AdapterContract:
    """Subclasses give the fixture `platform`."""

    @pytest.fixture
    def sample(self, adapter, part, photos):
        """The simplest part the platform takes: text alone, or with a photo where it insists; `sample(**changes)`."""

        def sample(**changes):
            attachments = tuple(photos[:1]) if adapter.facts.needs_media else ()
            return part(**{"attachments": attachments, **changes})

        return sample

    @pytest.fixture
    def illustrated(self, adapter, part, photos):
        """A part with as many of the three photos as the platform takes."""
        needs(adapter.facts.images, "takes no pictures")
        return part(kind="photo", attachments=tuple(photos[: adapter.facts.images]))

    # What is published arrives

    def test_a_text_is_public_after_publish(self, adapter, platform, part):
        needs(not adapter.facts.needs_media, "takes no text without a picture")
        halo = part()

        receipt = send(adapter, halo, platform)

        (live,) = platform.public
        assert platform.shows(live, halo)
        assert (receipt.id, receipt.stage) == (platform.id_of(live), Stage.PUBLIC)

    def test_letters_beyond_ascii_arrive_as_they_are(self, adapter, platform, sample):
        halo = sample(
            text="Éro & <b>kita</b> “aman” 👩‍👩‍👧‍👦 – #CêkFakta", body="Éro & <b>kita</b> “aman” 👩‍👩‍👧‍👦 – #CêkFakta"
        )

        send(adapter, halo, platform)

        assert platform.shows(platform.public[0], halo)

    def test_one_photo_arrives_with_its_text(self, adapter, platform, part, photos):
        needs(adapter.facts.images, "takes no pictures")
        photo = part(kind="photo", attachments=(photos[0],))

        send(adapter, photo, platform)

        (live,) = platform.public
        assert platform.shows(live, photo)
        assert [stored.bytes for stored in live.media] == [photos[0].path.read_bytes()]

    def test_several_photos_arrive_in_order_as_one_post(self, adapter, platform, illustrated):
        needs(adapter.facts.images > 1, "takes one picture at most")

        send(adapter, illustrated, platform)

        (live,) = platform.public
        assert platform.shows(live, illustrated)
        assert [stored.bytes for stored in live.media] == [a.path.read_bytes() for a in illustrated.attachments]

    def test_alt_texts_arrive_with_their_photos(self, adapter, platform, illustrated):
        needs(adapter.facts.alt, "carries no alt text")

        send(adapter, illustrated, platform)

        assert [stored.alt for stored in platform.public[0].media] == [a.alt for a in illustrated.attachments]

    def test_a_video_arrives_with_its_text(self, adapter, platform, part, clip):
        needs(adapter.facts.videos, "takes no video")
        film = part(kind="video", attachments=(clip,))

        receipt = send(adapter, film, platform)

        (live,) = platform.public
        assert receipt.stage is Stage.PUBLIC
        assert platform.shows(live, film)
        assert [stored.bytes for stored in live.media] == [clip.path.read_bytes()]

    def test_a_published_part_has_a_link_people_can_open(self, adapter, platform, sample):
        receipt = send(adapter, sample(), platform)

        assert receipt.url.startswith(platform.public_link)

    def test_a_part_goes_on_below_the_one_it_continues(self, adapter, platform, sample):
        needs(adapter.facts.threads, "has no threads")
        first = send(adapter, sample(text="Bagian satu."), platform)

        send(adapter, sample(text="Bagian dua.", after=first), platform)

        assert [live.reply_to for live in platform.public] == [None, platform.public[0].id]

    def test_every_field_sent_is_one_the_platform_knows(self, adapter, platform, illustrated, clip, part):
        needs(platform.standin, "no network")
        send(adapter, illustrated, platform)
        if adapter.facts.videos:
            send(adapter, part(kind="video", text="Videonya.", attachments=(clip,)), platform)

        assert platform.standin.unknown_fields == []
        assert platform.standin.accidents == []

    # What the platform says no to

    def test_a_text_that_is_too_long_is_refused_for_staff_to_change(self, adapter, platform, sample):
        needs(platform.max_text, "has no longest text")
        long = "".join("kota "[i % 5] for i in range(platform.max_text)) + "x"

        with pytest.raises(Refused):
            send(adapter, sample(text=long, body=long), platform)

        assert platform.public == []

    def test_a_file_that_is_no_picture_is_refused(self, adapter, platform, part, attach):
        needs(adapter.facts.images and platform.standin, "looks into no pictures")
        broken = attach(b"%PDF-1.7 bukan foto", "image/jpeg", alt="Bukan foto")

        with pytest.raises(Refused):
            send(adapter, part(kind="photo", attachments=(broken,)), platform)

        assert platform.public == []

    def test_the_platforms_own_refusal_is_refused_and_says_something(self, adapter, platform, sample):
        needs(platform.offers("publish"), "no network")
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.script("publish", faults.refuse())

        with pytest.raises(Refused) as refusal:
            adapter.publish(halo, prepared)

        assert str(refusal.value)
        assert platform.public == []

    def test_an_expired_login_is_unauthorized_whatever_is_asked(self, adapter, platform, sample, illustrated):
        needs(platform.offers("publish"), "no login")
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.script("publish", faults.expired_token())
        platform.script("check", faults.expired_token())

        with pytest.raises(Unauthorized):
            adapter.publish(halo, prepared)
        with pytest.raises(Unauthorized):
            adapter.check()
        if self._uploads(platform, adapter, illustrated):
            platform.script("upload", faults.expired_token())
            with pytest.raises(Unauthorized):
                prepare_all(adapter, illustrated, platform)

    def test_a_wait_that_the_platform_names_is_told(self, adapter, platform, sample):
        needs(platform.offers("publish"), "no network")
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.script("publish", faults.throttle(35))

        with pytest.raises(Throttled) as pause:
            adapter.publish(halo, prepared)

        assert timedelta(seconds=30) <= pause.value.retry_after <= timedelta(seconds=36)
        assert platform.public == []

    def test_a_pause_without_a_time_names_none(self, adapter, platform, sample):
        needs(platform.offers("publish"), "no network")
        needs(not platform.always_names_the_wait, "always names a time")
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.script("publish", faults.throttle())

        with pytest.raises(Throttled) as pause:
            adapter.publish(halo, prepared)

        assert pause.value.retry_after is None

    # Prepare: nothing public, and continued where it stopped

    def _uploads(self, platform, adapter, part) -> bool:
        """Whether `prepare` sends files of *part*."""
        return (
            platform.uploads_in_prepare
            and platform.offers("upload")
            and type(adapter).prepare is not Adapter.prepare
            and bool(part.attachments)
        )

    @pytest.fixture
    def uploads(self, adapter, platform, illustrated):
        """The part with photos, for adapters that upload them in `prepare`."""
        needs(self._uploads(platform, adapter, illustrated), "prepare uploads nothing")
        return illustrated

    def test_prepare_makes_nothing_public(self, adapter, platform, sample, illustrated):
        prepare_all(adapter, sample(), platform)
        prepare_all(adapter, illustrated, platform)

        assert platform.public == []

    def test_what_prepare_saves_is_json(self, adapter, platform, illustrated):
        saved = prepare_all(adapter, illustrated, platform)

        assert json.loads(json.dumps(saved.data)) == saved.data

    def test_a_prepared_part_has_nothing_left_to_prepare(self, adapter, platform, uploads):
        saved = prepare_all(adapter, uploads, platform)
        finished = platform.finished_uploads()

        again = prepare_all(adapter, uploads, platform, saved)

        assert platform.finished_uploads() == finished
        assert again == saved

    @pytest.mark.parametrize(
        "trouble",
        [
            faults.drop(),
            faults.reset(),
            faults.error_before(500),
            faults.error_before(503),
            faults.html(),
            faults.late(30),
        ],
        ids=lambda verb: f"{verb.kind}{verb.status or ''}",
    )
    def test_a_broken_upload_is_unreachable_and_goes_on_from_what_was_saved(
        self, adapter, platform, uploads, trouble, monkeypatch
    ):
        needs(len(uploads.attachments) > 1, "takes one picture at most")
        saved = Prepared()
        platform.script("upload", faults.accept(), trouble)

        with monkeypatch.context() as impatient:  # a healthy upload gets its time
            impatient.setattr(client, "READ", 0.2)
            with pytest.raises(Unreachable):
                for step in adapter.prepare(uploads, saved):
                    saved = step
        before = platform.finished_uploads()
        receipt = adapter.publish(uploads, prepare_all(adapter, uploads, platform, saved))

        assert before == 1
        assert platform.finished_uploads() == len(uploads.attachments)
        settle(adapter, receipt, platform)
        assert [stored.bytes for stored in platform.public[0].media] == [
            a.path.read_bytes() for a in uploads.attachments
        ]

    def test_a_throttled_upload_says_so(self, adapter, platform, uploads):
        platform.script("upload", faults.throttle(35))

        with pytest.raises(Throttled) as pause:
            prepare_all(adapter, uploads, platform)

        assert timedelta(seconds=30) <= pause.value.retry_after <= timedelta(seconds=36)

    # Lost answers

    @pytest.fixture
    def lost(self, adapter, platform, monkeypatch):
        """lost(part, verb) → what was prepared, after a publish that met *verb* and had to be Uncertain."""

        def lost(part: Part, verb: Verb) -> Prepared:
            needs(platform.offers("publish"), "no network")
            prepared = prepare_all(adapter, part, platform)
            platform.script("publish", verb)
            with monkeypatch.context() as impatient:
                impatient.setattr(client, "READ", 0.2)
                with pytest.raises(Uncertain):
                    adapter.publish(part, prepared)
            return prepared

        return lost

    ACCEPTED = pytest.mark.parametrize(
        "verb",
        [
            faults.drop_after_accepting(),
            faults.error_after_accepting(500),
            faults.error_after_accepting(502),
            faults.late(30),
        ],
        ids=lambda verb: f"{verb.kind}{verb.status or ''}",
    )
    ABSENT = pytest.mark.parametrize(
        "verb",
        [
            faults.drop(),
            faults.reset(),
            faults.error_before(500),
            faults.error_before(503),
            faults.error_before(504, "<h1>504</h1>"),
            faults.html(),
        ],
        ids=lambda verb: f"{verb.kind}{verb.status or ''}",
    )

    @ACCEPTED
    def test_a_post_whose_answer_was_lost_is_uncertain_and_found(self, adapter, platform, sample, lost, since, verb):
        prepared = lost(halo := sample(), verb)

        if adapter.certainty(halo) is Certainty.BLIND:
            with pytest.raises(Uncertain):
                adapter.find(halo, prepared, since)
            return
        (found,) = adapter.find(halo, prepared, since)

        assert [platform.id_of(live) for live in platform.public] == [found.id]
        assert settle(adapter, found, platform).url.startswith(platform.public_link)

    @ABSENT
    def test_a_post_that_never_arrived_is_uncertain_and_not_found(self, adapter, platform, sample, lost, since, verb):
        prepared = lost(halo := sample(), verb)

        assert platform.public == []
        if adapter.certainty(halo) is Certainty.BLIND:
            with pytest.raises(Uncertain):
                adapter.find(halo, prepared, since)
            return
        assert list(adapter.find(halo, prepared, since)) == []

    def test_photos_whose_answer_was_lost_are_found(self, adapter, platform, illustrated, lost, since):
        needs(adapter.certainty(illustrated) is not Certainty.BLIND, "cannot look")
        prepared = lost(illustrated, faults.drop_after_accepting())

        (found,) = adapter.find(illustrated, prepared, since)

        assert [platform.id_of(live) for live in platform.public] == [found.id]

    def test_a_video_whose_answer_was_lost_is_found(self, adapter, platform, part, clip, lost, since):
        needs(adapter.facts.videos, "takes no video")
        film = part(kind="video", attachments=(clip,))
        needs(adapter.certainty(film) is not Certainty.BLIND, "cannot look")
        prepared = lost(film, faults.drop_after_accepting())

        (found,) = adapter.find(film, prepared, since)
        found = settle(adapter, found, platform)

        assert [platform.id_of(live) for live in platform.public] == [found.id]

    def test_a_continued_part_whose_answer_was_lost_is_found(self, adapter, platform, sample, lost, since):
        needs(adapter.facts.threads, "has no threads")
        needs(adapter.certainty(sample()) is not Certainty.BLIND, "cannot look")
        first = send(adapter, sample(text="Bagian satu."), platform)
        prepared = lost(second := sample(text="Bagian dua.", after=first), faults.drop_after_accepting())

        (found,) = adapter.find(second, prepared, since)

        assert found.id == platform.id_of(platform.public[-1])

    def test_a_refusal_as_duplicate_may_mean_that_it_is_there(self, adapter, platform, sample, lost):
        needs(platform.refuses_duplicates, "refuses no duplicates")

        lost(sample(), faults.duplicate())

    def test_a_repeat_by_key_or_stage_makes_no_second_post(self, adapter, platform, sample, lost):
        halo = sample()
        needs(adapter.certainty(halo) in (Certainty.KEYED, Certainty.STAGED), "is never sent again")
        prepared = lost(halo, faults.drop_after_accepting())

        with suppress(Uncertain):
            adapter.publish(halo, prepared)

        assert len(platform.public) == 1

    def test_where_nobody_listens_nothing_was_published(self, adapter, platform, sample):
        needs(platform.standin, "no network")
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.turn_off()

        with pytest.raises(Unreachable):
            adapter.publish(halo, prepared)
        with pytest.raises(Unreachable):
            adapter.check()

    def test_publish_is_one_request_of_its_kind(self, adapter, platform, sample):
        needs(platform.offers("publish"), "no network")

        send(adapter, sample(), platform)

        assert len(platform.calls("publish")) == 1

    # Looking: every proof, and no wrong one

    @pytest.fixture
    def looks(self, adapter, sample):
        needs(adapter.certainty(sample()) is not Certainty.BLIND, "cannot look")

    def test_another_post_is_not_taken_for_ours(self, adapter, platform, sample, since, looks):
        send(adapter, sample(text="Pasar Raya buka sampai malam."), platform)
        ours = sample()

        found = adapter.find(ours, prepare_all(adapter, ours, platform), since)

        assert list(found) == []

    def test_two_identical_posts_are_two_proofs(self, adapter, platform, sample, since, looks):
        needs(platform.allows_twins, "refuses the same text twice")
        needs(adapter.certainty(sample()) is Certainty.READABLE, "tells twins apart by key or stage")
        twins = [send(adapter, sample(), platform), send(adapter, sample(), platform)]

        found = adapter.find(sample(), Prepared(), since)

        assert {receipt.id for receipt in found} == {receipt.id for receipt in twins}

    def test_a_listing_that_lags_proves_nothing_wrong(self, adapter, platform, sample, lost, since, looks):
        needs(platform.offers("list"), "has no listing")
        send(adapter, sample(text="Pasar Raya buka sampai malam."), platform)
        prepared = lost(ours := sample(), faults.drop_after_accepting())
        platform.script("list", faults.lag(1))

        with suppress(Uncertain, Unreachable):
            assert {r.id for r in adapter.find(ours, prepared, since)} <= {platform.id_of(platform.public[-1])}
        (found,) = adapter.find(ours, prepared, since)

        assert found.id == platform.id_of(platform.public[-1])

    @pytest.mark.parametrize(
        "trouble",
        [faults.error_before(500), faults.drop(), faults.html()],
        ids=lambda verb: f"{verb.kind}{verb.status or ''}",
    )
    def test_a_listing_that_fails_is_no_proof_of_absence(self, adapter, platform, sample, lost, since, trouble):
        needs(adapter.certainty(sample()) is not Certainty.BLIND, "cannot look")
        needs(platform.offers("list"), "has no listing")
        prepared = lost(ours := sample(), faults.drop_after_accepting())
        platform.script("list", trouble)

        with pytest.raises((Uncertain, Unreachable)):
            adapter.find(ours, prepared, since)

    # Engagement

    def test_figures_come_for_what_the_platform_counts_and_for_nothing_else(self, adapter, platform, sample):
        receipt = send(adapter, sample(), platform)
        if platform.standin:
            platform.wait(timedelta(days=2))

        counts = adapter.measure([receipt]).get(receipt.id, Counts())

        known = {name for name in COUNTS if getattr(counts, name) is not None}
        assert known == adapter.facts.counts
        assert all(getattr(counts, name) >= 0 for name in known)

    def test_a_removed_post_is_gone_and_the_others_are_counted(self, adapter, platform, sample):
        needs(adapter.facts.counts, "counts nothing")
        stays, goes = (send(adapter, sample(text=f"Nomor {n} dari dua."), platform) for n in (1, 2))
        adapter.remove(goes)

        figures = adapter.measure([stays, goes])

        assert isinstance(figures[stays.id], Counts)
        assert figures[goes.id] == Gone()

    def test_many_posts_are_measured_in_few_requests(self, adapter, platform, sample):
        needs(adapter.facts.batch > 1, "measures one post a request")
        texts = [f"Pengumuman nomor {n} hari ini." for n in range(min(adapter.facts.batch, 6))]
        receipts = [send(adapter, sample(text=text), platform) for text in texts]
        before = len(platform.standin.journal)

        figures = adapter.measure(receipts)

        assert set(figures) == {receipt.id for receipt in receipts}
        assert len(platform.standin.journal) - before < len(receipts)

    def test_trouble_while_measuring_makes_no_post_gone(self, adapter, platform, sample):
        needs(platform.offers("measure") and adapter.facts.counts, "counts nothing")
        receipt = send(adapter, sample(), platform)
        platform.script("measure", faults.error_before(500), faults.throttle(35))

        with suppress(Unreachable):
            assert receipt.id not in adapter.measure([receipt])
        with pytest.raises(Throttled):
            adapter.measure([receipt])

    def test_why_a_count_is_missing_is_said_of_counts_that_the_platform_has(self, adapter, platform, sample):
        receipt = send(adapter, sample(), platform)

        counts = adapter.measure([receipt]).get(receipt.id, Counts())

        assert set(counts.why) <= adapter.facts.counts

    def test_followers_are_a_number_where_the_platform_tells_them(self, adapter, platform):
        needs(type(adapter).followers is not Adapter.followers, "does not tell")

        assert adapter.followers() >= 0

    # Who else is there

    def test_what_is_on_the_account_is_told_with_the_id_link_and_words_of_its_receipt(self, adapter, platform, sample):
        needs(adapter.watches, "cannot tell")
        ours = sample(text="Pasar Raya dibuka kembali Senin pagi.")
        receipt = send(adapter, ours, platform)
        platform.wait(adapter.facts.lag)

        (seen,) = adapter.recent(datetime.now(UTC) - timedelta(days=1))

        assert {receipt.id, *receipt.also} & {seen.id, *seen.also}
        assert seen.at.utcoffset() is not None
        assert not adapter.facts.text or same_text(ours.text, seen.text)

    def test_a_list_of_the_account_that_fails_is_not_an_empty_one(self, adapter, platform, sample):
        needs(adapter.watches, "cannot tell")
        send(adapter, sample(), platform)
        platform.script("recent", faults.html())

        with pytest.raises(ChannelError):
            adapter.recent(datetime.now(UTC) - timedelta(days=1))

    # Taking down

    def test_remove_takes_the_post_down_and_twice_is_done(self, adapter, platform, illustrated, sample):
        needs(type(adapter).remove is not Adapter.remove, "cannot remove")
        stays = send(adapter, sample(text="Ini tetap ada."), platform)
        goes = send(adapter, illustrated, platform)

        adapter.remove(goes)
        adapter.remove(goes)

        assert [platform.id_of(live) for live in platform.public] == [stays.id]

    # Who we are, settings and secrets

    def test_check_says_who_the_channel_is(self, adapter, platform):
        account = adapter.check()

        assert isinstance(account, Account)
        assert account.id == platform.account
        assert account.name

    def test_settings_refuse_what_they_do_not_know(self, platform):
        with pytest.raises(ValidationError, match="acces_token"):
            platform.adapter_class.Settings(**platform.settings(), acces_token="x")

    def test_facts_agree_with_each_other(self, adapter):
        facts = adapter.facts

        assert facts.counts <= set(COUNTS)
        assert facts.label
        assert facts.batch >= 1
        assert facts.text is None or facts.caption is None or facts.caption <= facts.text

    TROUBLES: ClassVar[Sequence[tuple[str, Verb]]] = [
        ("publish", faults.drop()),
        ("publish", faults.error_before(500)),
        ("publish", faults.refuse()),
        ("publish", faults.expired_token()),
        ("publish", faults.throttle(3)),
        ("publish", faults.html()),
        ("upload", faults.drop()),
        ("upload", faults.refuse()),
        ("list", faults.error_before(500)),
        ("measure", faults.html()),
        ("check", faults.expired_token()),
        ("check", faults.drop()),
        ("delete", faults.error_before(500)),
    ]

    def test_no_secret_is_ever_shown(self, adapter, platform, illustrated, since, caplog):
        needs(platform.secrets, "has no secret")
        caplog.set_level(logging.DEBUG)
        shown = [repr(adapter), repr(adapter.settings), str(adapter.settings), repr(vars(adapter))]

        prepared = prepare_all(adapter, illustrated, platform)
        receipt = settle(adapter, adapter.publish(illustrated, prepared), platform)
        for where, verb in self.TROUBLES:
            if platform.offers(where):
                platform.standin.faults.clear()
                platform.script(where, verb)
                shown += self._everything(adapter, illustrated, prepared, receipt, since)
        platform.turn_off()
        shown += self._everything(adapter, illustrated, prepared, receipt, since)

        told = "\n".join([*shown, caplog.text])
        assert [secret for secret in platform.secrets if secret in told] == []

    def _everything(self, adapter, part, prepared, receipt, since) -> list[str]:
        """Whatever the adapter says while all that it can do is done once."""
        shown = []
        for act in (
            adapter.check,
            lambda: list(adapter.prepare(part, Prepared())),
            lambda: adapter.publish(part, prepared),
            lambda: adapter.find(part, prepared, since),
            lambda: adapter.measure([receipt]),
            lambda: adapter.remove(receipt),
        ):
            try:
                shown.append(repr(act()))
            except ChannelError as error:
                shown.append(whole(error))
        return shown
