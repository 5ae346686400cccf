"""What Instagram and Threads have in common, asked of both beside the contract: containers, logins, files to fetch."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from media_host import MediaHost

from dissem.channels.adapter import Prepared, Stage
from dissem.channels.client import Answer
from dissem.channels.containers import Stale
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.rehearsal import faults

from .contract import LOOPBACK, AdapterContract, Platform, needs, prepare_all, send, whole

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def host():
    with MediaHost() as host:
        yield host


@pytest.fixture
def attach(attach, host):
    """Files as the media host gives them to everybody."""

    def served(content, kind, **changes):
        return attach(content, kind, **{"url": host.serve(content, kind), **changes})

    return served


def refusal(code, subcode=None, status=400, irrevocable=True, headers=None, **more):
    """A refusal in Graph's form."""
    error = {"message": "M", "type": "OAuthException", "code": code, "fbtrace_id": "AbC", **more}
    if subcode:
        error["error_subcode"] = subcode
    return Answer(status, headers or {}, json.dumps({"error": error}).encode(), irrevocable)


def refused(code, subcode=None):
    """The same as a fault."""
    return faults.reply(400, json.loads(refusal(code, subcode).content))


def shown(given):
    """A test's name for an answer."""
    return f"{given.status}-{given.irrevocable}-{given.content[40:140]!r}" if isinstance(given, Answer) else ""


def saved_steps(adapter, part, prepared=None):
    """What was saved until `prepare` gave up, and why it did."""
    saved = prepared or Prepared()
    try:
        for step in adapter.prepare(part, saved):
            saved = step
    except ChannelError as error:
        return saved, error
    return saved, None


class TwoStepPlatform(Platform):
    operations = Platform.operations | {"check": "account"}

    def adapter_with(self, **changes):
        settings = self.adapter_class.Settings(**{**self.settings(), **changes})
        return self.adapter_class(settings, network=LOOPBACK, account=self.account)

    def renewable(self, age=None, **changes):
        """An adapter whose token was given *age* ago, and can be renewed at the platform."""
        if age is not None:
            self.standin.issued[self.standin.token] = self.standin.clock() - age
        return self.adapter_with(**changes)


class TwoSteps(AdapterContract):
    """Subclasses give the fixture `platform`."""

    # The flip

    def test_an_expired_container_is_stale_and_not_there(self, adapter, platform, sample, since):
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.wait(timedelta(hours=24))

        with pytest.raises(Stale):
            adapter.publish(halo, prepared)

        assert list(adapter.find(halo, prepared, since)) == []

    def test_the_core_may_rely_on_containers_for_less_than_a_day(self, adapter, platform, sample, illustrated):
        for one in (sample(), illustrated):
            prepared = prepare_all(adapter, one, platform)

            assert timedelta(hours=20) < prepared.expires - datetime.now(UTC) < timedelta(hours=24)

    def test_a_container_published_before_is_not_prepared_anew(self, adapter, platform, sample):
        prepared = prepare_all(adapter, halo := sample(), platform)
        adapter.publish(halo, prepared)

        with pytest.raises(Uncertain):
            adapter.publish(halo, prepared)

        assert len(platform.public) == 1

    @pytest.mark.parametrize("trouble", [faults.error_before(500), refused(100, 33)], ids=["trouble", "hidden"])
    def test_an_address_that_cannot_be_read_does_not_unpublish(self, adapter, platform, sample, trouble):
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.standin.script("read", trouble)

        receipt = adapter.publish(halo, prepared)

        assert (receipt.stage, receipt.url) == (Stage.PUBLIC, None)
        assert adapter.confirm(receipt).url == platform.public[0].url

    def test_a_full_day_is_noticed_before_anything_is_sent(self, adapter, platform, sample):
        platform.standin.elsewhere = platform.standin.quota

        with pytest.raises(Throttled) as pause:
            prepare_all(adapter, sample(), platform)

        assert pause.value.retry_after == timedelta(hours=1)
        assert platform.calls("upload") == []

    @pytest.mark.parametrize(
        "answer",
        [faults.error_before(500), faults.reply(400, {"error": {"code": 10}}), faults.reply(200, {"data": []})],
        ids=["trouble", "no right", "empty"],
    )
    def test_a_quota_that_is_not_told_keeps_nobody_from_publishing(self, adapter, platform, sample, answer):
        platform.standin.script("limit", answer)

        assert send(adapter, sample(), platform).id

    @pytest.mark.parametrize("body", [{}, [], {"data": [{}]}, {"data": None}, {"data": [{"timestamp": "soon"}]}])
    def test_a_listing_that_is_not_whole_proves_nothing(self, adapter, platform, sample, lost, since, body):
        prepared = lost(halo := sample(), faults.drop_after_accepting())
        platform.script("list", faults.reply(200, body))

        with pytest.raises(Uncertain):
            adapter.find(halo, prepared, since)

    # Containers and their files

    def test_a_file_without_a_public_address_needs_a_media_host(self, adapter, platform, part, photos):
        with pytest.raises(Refused) as why:
            prepare_all(adapter, part(attachments=(replace(photos[0], url=None),)), platform)

        assert why.value.hint_text == "Set up a public media host, or leave this channel out."
        assert platform.calls("upload") == []

    def test_a_container_that_has_vanished_is_rebuilt_and_nobody_has_to_change_anything(
        self, adapter, platform, sample
    ):
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.standin.script("status", refused(100, 33))

        saved, why = saved_steps(adapter, halo, prepared)
        adapter.publish(halo, prepare_all(adapter, halo, platform, saved))

        assert isinstance(why, Unreachable)
        assert saved.get("container", None) is None
        assert len(platform.public) == 1

    def test_a_carousel_whose_third_child_fails_shows_nothing(self, adapter, platform, part, photos):
        needs(adapter.facts.images > 2, "has no carousels")
        platform.standin.processing_polls = 0
        platform.standin.causes.extend(["", "", "2207032"])
        carousel = part(attachments=tuple(photos))

        saved, why = saved_steps(adapter, carousel)

        assert isinstance(why, Unreachable)
        assert platform.public == []
        adapter.publish(carousel, prepare_all(adapter, carousel, platform, saved))
        assert [stored.bytes for stored in platform.public[0].media] == [p.path.read_bytes() for p in photos]

    def test_pictures_and_videos_share_a_carousel_in_their_order(self, adapter, platform, part, photos, clip, lost):
        needs(adapter.facts.mixed, "does not mix them")
        mixed = part(kind="photo", attachments=(photos[0], clip, photos[1]))

        receipt = send(adapter, mixed, platform)
        prepared = lost(twin := replace(mixed, text="Yang kedua."), faults.drop_after_accepting())

        (first, second) = platform.public
        assert first.id == receipt.id
        assert [one.bytes for one in first.media] == [a.path.read_bytes() for a in mixed.attachments]
        (found,) = adapter.find(twin, prepared, datetime.now(UTC) - timedelta(minutes=2))
        assert found.id == second.id
        assert platform.standin.unknown_fields == []

    def test_a_container_that_is_at_work_is_asked_again_soon_and_a_video_less_soon(
        self, adapter, platform, part, photos, clip
    ):
        several = tuple(photos[: adapter.facts.images])
        for attachments, seconds in (((photos[0],), 5), (several, 5), ((clip,), 30)):
            _saved, why = saved_steps(adapter, part(attachments=attachments))

            assert isinstance(why, NotYet)
            assert why.retry_after == timedelta(seconds=seconds)

    # Afterwards

    def test_a_login_that_may_not_remove_says_so_instead_of_claiming_it_is_gone(self, adapter, platform, sample):
        receipt = send(adapter, sample(), platform)
        platform.script("delete", refused(100, 33))

        with pytest.raises(Refused) as why:
            adapter.remove(receipt)

        assert type(why.value) is Refused
        assert len(platform.public) == 1

    # The login lasts sixty days and is renewed

    def test_a_token_is_renewed_before_it_ends_and_the_new_one_works(self, platform):
        adapter = platform.renewable(40 * DAY, access_token_ends=_in(20 * DAY))

        fresh = {name: secret.get_secret_value() for name, secret in adapter.renew().items()}
        account = platform.renewable(**fresh).check()

        assert fresh.keys() == {"access_token", "access_token_ends"}
        assert fresh["access_token"] != platform.standin.token
        assert timedelta(days=59, hours=23) < account.expires - datetime.now(UTC) < timedelta(days=60, hours=1)

    def test_a_token_that_lasts_for_long_yet_is_left_alone(self, platform):
        adapter = platform.renewable(20 * DAY, access_token_ends=_in(40 * DAY))

        assert adapter.renew() is None
        assert platform.standin.renewals == 0
        assert adapter.check().expires > datetime.now(UTC) + 39 * DAY

    def test_a_token_whose_age_nobody_knows_is_renewed_to_know_its_end(self, platform):
        adapter = platform.renewable(2 * DAY)

        assert adapter.check().expires is None
        assert "access_token_ends" in adapter.renew()

    def test_a_token_that_is_too_young_is_kept_and_left_alone_for_a_day(self, platform):
        kept = platform.renewable(timedelta(hours=1)).renew()
        marked = {name: secret.get_secret_value() for name, secret in kept.items()}

        assert kept.keys() == {"access_token_refused"}
        assert platform.renewable(**marked).renew() is None
        assert [entry.label for entry in platform.standin.journal].count("renew") == 1

    def test_a_token_that_is_refused_for_longer_than_it_can_be_young_is_for_people(self, platform):
        marked = _aged(platform.renewable(timedelta(hours=1)).renew(), 25 * HOUR)
        platform.standin.issued.clear()
        platform.standin.script("renew", refused(100))
        adapter = platform.renewable(**marked)

        with pytest.raises(Refused):
            adapter.renew()

        assert adapter.check().id == platform.account
        assert "access_token" in adapter.renew()

    def test_what_was_refused_of_the_token_before_says_nothing_of_a_new_one(self, platform):
        marked = _aged(platform.renewable(timedelta(hours=1)).renew(), 25 * HOUR)
        young = "another-token"
        platform.standin.accounts = [replace(platform.standin.accounts[0], token=young)]

        kept = platform.renewable(timedelta(hours=1), **marked, access_token=young).renew()

        assert kept.keys() == {"access_token_refused"}

    def test_a_token_that_has_ended_is_for_people(self, platform):
        adapter = platform.renewable(61 * DAY)

        with pytest.raises(Unauthorized):
            adapter.renew()

    @pytest.mark.parametrize(
        "trouble",
        [faults.drop_after_accepting(), faults.drop(), faults.error_after_accepting(500), faults.html()],
        ids=lambda verb: verb.kind,
    )
    def test_a_renewal_that_fails_or_is_lost_never_loses_the_working_token(self, platform, trouble):
        adapter = platform.renewable(40 * DAY, access_token_ends=_in(20 * DAY))
        platform.standin.script("renew", trouble)

        with pytest.raises(Unreachable) as why:
            adapter.renew()

        assert platform.standin.token not in whole(why.value)
        assert adapter.check().id == platform.account
        assert "access_token" in adapter.renew()


def _aged(kept, span):
    """The marks of `renew` as if they had been made *span* earlier."""
    when, mark = kept["access_token_refused"].get_secret_value().split()
    return {"access_token_refused": f"{float(when) - span.total_seconds()} {mark}"}


def _in(span):
    """The moment *span* from now as it is kept."""
    return f"{(datetime.now(UTC) + span).timestamp():.3f}"
