"""Apprise: the contract as far as a yes or a no can keep it, and what makes it one request."""

import logging
import subprocess
import sys
from dataclasses import replace

import pytest

from dissem.channels import client
from dissem.channels.adapter import Certainty, Prepared
from dissem.channels.apprise import Apprise
from dissem.channels.errors import Refused, Unauthorized, Uncertain, Unreachable
from dissem.rehearsal import faults
from dissem.rehearsal.apprise import AppriseStandin

from .contract import LOOPBACK, AdapterContract, Platform, needs, whole

# of one of its plugins, all of which it imports
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class ApprisePlatform(Platform):
    adapter_class = Apprise

    def settings(self):
        return {"address": self.standin.address}

    @property
    def account(self):
        return Apprise(Apprise.Settings(**self.settings()), network=LOOPBACK).check().id

    @property
    def secrets(self):
        return (*super().secrets, self.standin.token)

    def adapter(self):
        return Apprise(Apprise.Settings(**self.settings()), network=LOOPBACK)

    def id_of(self, live):
        """apprise tells no id: the receipt has the part's key, which the text stands for here."""
        return self.keys[live.text]


@pytest.fixture
def platform():
    with AppriseStandin() as standin:
        made = ApprisePlatform(standin)
        yield made
        assert standin.accidents == []


@pytest.fixture
def standin(platform):
    return platform.standin


@pytest.fixture
def part(part, platform):
    """Parts whose keys the platform is told of."""
    platform.keys = {}

    def known(**changes):
        made = part(**changes)
        platform.keys[made.text] = made.key
        return made

    return known


class TestContract(AdapterContract):
    """Everything asked of every channel. apprise says only yes or no, so a refusal is as uncertain as silence."""

    @pytest.mark.parametrize(
        "verb", [faults.refuse(), faults.expired_token(), faults.throttle(5)], ids=lambda v: v.kind
    )
    def test_a_no_of_any_kind_is_uncertain(self, adapter, platform, sample, verb):
        platform.script("publish", verb)

        with pytest.raises(Uncertain):
            adapter.publish(sample(), Prepared())

        assert platform.public == []
        assert len(platform.calls("publish")) == 1

    def test_a_published_part_has_a_link_people_can_open(self, adapter, platform, sample):
        needs(False, "tells no link")

    def test_the_platforms_own_refusal_is_refused_and_says_something(self, adapter, platform, sample):
        needs(False, "says only no")

    def test_an_expired_login_is_unauthorized_whatever_is_asked(self, adapter, platform, sample, illustrated):
        needs(False, "says only no")

    def test_a_wait_that_the_platform_names_is_told(self, adapter, platform, sample):
        needs(False, "says only no")

    def test_a_pause_without_a_time_names_none(self, adapter, platform, sample):
        needs(False, "says only no")

    @pytest.mark.parametrize(
        "verb",
        [faults.drop(), faults.reset(), faults.error_before(500), faults.error_before(503)],
        ids=lambda verb: f"{verb.kind}{verb.status or ''}",
    )
    def test_a_post_that_never_arrived_is_uncertain_and_not_found(self, adapter, platform, sample, lost, since, verb):
        """Without the page of a captive portal, which apprise's plugin believes."""
        super().test_a_post_that_never_arrived_is_uncertain_and_not_found(adapter, platform, sample, lost, since, verb)


def made(address, network=LOOPBACK):
    return Apprise(Apprise.Settings(address=address), network=network)


# One request


@pytest.mark.parametrize("option", ["retry=3", "overflow=split", "optional=yes", "redirect=yes", "emojis=yes"])
def test_what_an_address_says_about_repeating_or_splitting_is_overruled(standin, part, option):
    standin.script("publish", faults.error_after_accepting(500))
    halo = part(text=":smile: " + "kata " * 300)

    with pytest.raises(Uncertain):
        made(f"{standin.address}?{option}").publish(halo, Prepared())

    (live,) = standin.public
    assert live.text == halo.text.rstrip()
    assert [entry.label for entry in standin.journal] == ["publish"]


def test_the_text_goes_out_without_title_and_as_plain_text(adapter, standin, part):
    halo = part(text="*Bukan* <b>HTML</b> & _bukan_ Markdown\nbaris dua")

    adapter.publish(halo, Prepared())

    assert standin.public[0].text == halo.text


def test_a_markdown_discord_is_not_sent_in_several_posts():
    service = made("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?format=markdown")._service()

    assert service.resolve_format("text").value == "text"


def test_a_slow_service_has_as_long_as_every_other(adapter):
    assert adapter._service().request_timeout == (client.CONNECT, client.READ)


@pytest.mark.parametrize("text", ["", " \n", "x" * 2001])
def test_a_text_that_cannot_be_sent_is_refused_before_anything_leaves(adapter, standin, part, text):
    with pytest.raises(Refused):
        adapter.publish(part(text=text), Prepared())

    assert standin.journal == []


def test_a_plugin_that_takes_less_is_asked_first(part):
    sms = made("twilio://AC" + "0" * 32 + ":" + "0" * 32 + "@15555555555/15555555556")

    with pytest.raises(Refused, match="160"):
        sms.publish(part(text="x" * 161), Prepared())


def test_an_address_of_several_recipients_is_no_channel():
    with pytest.raises(Unauthorized, match="several"):
        made("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#a/#b").check()


# What is known before anything is sent


def test_nothing_can_be_looked_up(adapter, part, since):
    assert adapter.certainty(part()) is Certainty.BLIND
    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)


@pytest.mark.parametrize("address", ["", "bukan alamat", "tidakada://x", "slack://", "json://"])
def test_an_address_that_apprise_does_not_know_is_said_so_and_not_shown(address):
    with pytest.raises(Unauthorized, match="does not understand"):
        made(address).check()


def test_a_host_inside_the_house_is_reached_only_where_it_is_allowed(standin, part):
    strict = replace(LOOPBACK, allow_hosts=frozenset())
    secure = standin.address.replace("json://", "jsons://")

    for address in (standin.address, secure):
        with pytest.raises(Unauthorized, match=r"127\.0\.0\.1"):
            made(address, strict).publish(part(), Prepared())

    assert standin.journal == []


def test_a_name_that_does_not_exist_is_unreachable(part):
    with pytest.raises(Unreachable):
        made("jsons://tidak-ada.invalid/x").publish(part(), Prepared())


def test_an_address_that_trusts_every_certificate_is_not_used(standin):
    with pytest.raises(Unauthorized, match="certificates"):
        made(f"{standin.address}?verify=no").check()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#humas", "Slack"),
        ("ntfy://kabar-padang-8h3k", "ntfy"),
        ("matrix://" + "a" * 64, "Matrix"),
    ],
)
def test_where_apprise_knows_the_host_no_token_is_taken_for_one(address, name):
    account = made(address).check()

    assert account.name == name
    assert account.id.partition("/")[0] in (address.partition("://")[0], address.partition("://")[0] + "s")


def test_another_address_is_another_account_and_tells_no_token(standin):
    one, other = made(standin.address).check(), made(f"{standin.address}?method=POST").check()

    assert one.id != other.id
    assert standin.token not in repr((one, other))


def test_what_a_plugin_raises_is_uncertain_and_not_shown(adapter, standin, part, monkeypatch):
    from apprise.plugins.custom_json import NotifyJSON

    def broken(self, *args, **options):
        raise RuntimeError(f"cannot send to {standin.address}")

    monkeypatch.setattr(NotifyJSON, "send", broken)

    with pytest.raises(Uncertain) as error:
        adapter.publish(part(), Prepared())

    assert standin.token not in whole(error.value)


def test_the_log_of_apprise_is_kept_to_itself(adapter, standin, part, caplog):
    caplog.set_level(logging.DEBUG)
    standin.script("publish", faults.refuse())

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())

    assert [record for record in caplog.records if record.name.startswith("apprise")] == []


# The package


def test_without_the_package_one_sentence_says_what_to_install(adapter, part, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)

    for act in (adapter.check, lambda: adapter.publish(part(), Prepared())):
        with pytest.raises(Unauthorized, match="not installed") as error:
            act()
        assert "dissem[apprise]" in error.value.hint


def test_the_facts_and_settings_do_not_cost_the_import_of_apprise():
    code = "import sys, dissem.channels.apprise as a; a.Apprise.Settings(address='x'); print('apprise' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert told.strip() == "False"
