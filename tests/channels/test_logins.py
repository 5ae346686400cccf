"""Browser logins: each platform's way from its page to an account that answers, and every code that is no good."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from dissem.channels.errors import ChannelError, NotYet, Unauthorized, Uncertain
from dissem.channels.login import LOGINS, App, Ask, BrowserLogin, Choice, login_class, moment, scopes_in, tokens
from dissem.channels.registry import adapter_class, platforms
from dissem.rehearsal import faults
from dissem.rehearsal.linkedin_door import SCOPES as LINKEDIN_SCOPES
from dissem.rehearsal.linkedin_door import LinkedInAccount
from dissem.rehearsal.linkedin_login import LinkedInLoginStandin
from dissem.rehearsal.login import LoginDoor
from dissem.rehearsal.meta_login import (
    FacebookLoginStandin,
    InstagramByFacebookStandin,
    InstagramLoginStandin,
    ThreadsLoginStandin,
)
from dissem.rehearsal.tiktok_login import TikTokLoginStandin
from dissem.rehearsal.x_login import XLoginStandin
from dissem.rehearsal.youtube_login import YoutubeLoginStandin

from .browser import request, sent_back
from .contract import LOOPBACK

REDIRECT = "http://127.0.0.1:8765/callback/"


@dataclass
class Way:
    """One platform's login against its stand-in."""

    platform: str
    standin: LoginDoor
    table: str
    settings: dict[str, Any] = field(default_factory=dict)

    def login(self, **changes: Any) -> BrowserLogin:
        kind = adapter_class(self.platform)
        defaults = {n: f.default for n, f in kind.Settings.model_fields.items() if not f.is_required()}
        hosts = {"api_url": self.standin.url, "token_url": self.standin.url}
        url = self.standin.url
        app = App(self.standin.app_id, SecretStr(self.standin.app_secret), login_url=url, token_url=url)
        made = login_class(self.platform, {self.table})
        assert made is not None
        return made(replace(app, **changes), {**defaults, **hosts, **self.settings}, network=LOOPBACK)

    def code(self, ask: Ask) -> str:
        return parse_qs(urlsplit(sent_back(self.login().address(ask))).query)["code"][0]

    def choices(self, ask: Ask | None = None) -> list[Choice]:
        ask = ask or Ask(REDIRECT)
        return list(self.login().choices(self.code(ask), ask))

    def adapter(self, choice: Choice) -> Any:
        kind = adapter_class(self.platform)
        fields = kind.Settings.model_fields
        hosts = {n: self.standin.url for n in ("api_url", "token_url") if n in fields}
        chosen = {n: v for n, v in choice.settings.items() if n in fields}
        settings = kind.Settings(**{**hosts, **self.settings, **chosen, **choice.secrets})
        return kind(settings, network=LOOPBACK)


WAYS = {
    "facebook": ("facebook", FacebookLoginStandin, "facebook"),
    "facebook-story": ("facebook-story", FacebookLoginStandin, "facebook"),
    "instagram by facebook": ("instagram", InstagramByFacebookStandin, "facebook"),
    "instagram": ("instagram", InstagramLoginStandin, "instagram"),
    "linkedin": ("linkedin", LinkedInLoginStandin, "linkedin"),
    "threads": ("threads", ThreadsLoginStandin, "threads"),
    "tiktok": ("tiktok", TikTokLoginStandin, "tiktok"),
    "x": ("x", XLoginStandin, "x"),
    "youtube": ("youtube", YoutubeLoginStandin, "youtube"),
}
PKCE = ("tiktok", "x", "youtube")
IDS = {name for name in WAYS if WAYS[name][0] in platforms()}  # a platform that is not installed has no login


def started(name: str) -> Way:
    platform, made, table = WAYS[name]
    return Way(platform, made().start(), table, {"mode": "inbox"} if platform == "tiktok" else {})


@pytest.fixture(params=sorted(IDS))
def way(request):
    """Every platform in turn."""
    made = started(request.param)
    yield made
    made.standin.stop()
    assert made.standin.accidents == []


@pytest.fixture
def at(request):
    """at(name) → the login of one platform."""
    running = []

    def at(name: str) -> Way:
        running.append(started(name))
        return running[-1]

    yield at
    for one in running:
        one.standin.stop()
        assert one.standin.accidents == []


# The way there and back


def test_whoever_logs_in_chooses_among_accounts_that_answer(way):
    found = way.choices()

    accounts = [way.adapter(choice).check() for choice in found]
    assert [account.id for account in accounts] == [choice.id for choice in found]
    assert {choice.id for choice in found} <= {account.id for account in way.standin.accounts}
    assert all(choice.name for choice in found)


def test_the_address_asks_for_the_rights_and_tells_no_secret(way):
    ask, login = Ask(REDIRECT), way.login()

    address = login.address(ask)

    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["state"] == ask.state
    assert asked["redirect_uri"] == REDIRECT
    assert scopes_in(asked["scope"]) == set(login.scopes)
    assert ask.verifier not in address
    assert way.standin.app_secret not in address


def test_two_logins_share_neither_state_nor_verifier():
    one, other = Ask(REDIRECT), Ask(REDIRECT)

    assert one.state != other.state
    assert one.verifier != other.verifier
    assert min(len(one.state), len(one.verifier)) >= 43
    assert one.state not in repr(one)
    assert one.verifier not in repr(one)


def test_a_code_is_good_once(way):
    ask = Ask(REDIRECT)
    code = way.code(ask)
    way.login().choices(code, ask)

    with pytest.raises(Unauthorized):
        way.login().choices(code, ask)


def test_a_code_that_has_become_too_old_is_refused(way):
    ask = Ask(REDIRECT)
    code = way.code(ask)
    way.standin.time_offset = timedelta(minutes=10)

    with pytest.raises(Unauthorized):
        way.login().choices(code, ask)


def test_a_code_for_another_redirect_address_is_refused(way):
    ask = Ask(REDIRECT)
    code = way.code(ask)

    with pytest.raises(Unauthorized):
        way.login().choices(code, replace(ask, redirect="http://127.0.0.1:9999/callback/"))


@pytest.mark.parametrize("name", PKCE)
def test_a_code_that_somebody_else_asked_for_is_refused(at, name):
    way, theirs = at(name), Ask(REDIRECT)
    code = way.code(theirs)

    with pytest.raises(Unauthorized):
        way.login().choices(code, replace(theirs, verifier=Ask(REDIRECT).verifier))


def test_a_wrong_secret_of_the_app_is_refused_and_not_shown(way):
    ask = Ask(REDIRECT)
    code = way.code(ask)
    wrong = SecretStr("canary-secret-of-the-app")

    with pytest.raises(Unauthorized) as error:
        way.login(secret=wrong).choices(code, ask)

    shown = f"{error.value} {error.value.hint} {error.value.reason()!r}"
    assert "canary" not in shown
    assert code not in shown


def test_an_app_or_redirect_address_that_is_not_known_sends_nobody_anywhere(way):
    login = way.login()

    for address in (
        way.login(id="another").address(Ask(REDIRECT)),
        login.address(Ask("https://evil.example/callback/")),
        login.address(Ask("http://127.0.0.1:8765/other/")),
    ):
        assert request("POST", address)[0] == 400


@pytest.mark.parametrize(
    ("name", "unticked"),
    [
        ("facebook", "pages_manage_posts"),
        ("instagram by facebook", "instagram_content_publish"),
        ("instagram", "instagram_business_content_publish"),
        ("threads", "threads_content_publish"),
        ("threads", "threads_manage_insights"),
        ("tiktok", "video.upload"),
        ("x", "offline.access"),
        ("youtube", "https://www.googleapis.com/auth/youtube.upload"),
    ],
)
def test_a_right_that_was_not_given_is_named(at, name, unticked):
    way = at(name)
    way.standin.unticked = {unticked}

    with pytest.raises(Unauthorized, match="every right") as error:
        way.choices()

    assert error.value.values["scopes"] == unticked


def test_a_platform_in_trouble_is_asked_again_and_takes_nobody_for_locked_out(way):
    ask = Ask(REDIRECT)
    code = way.code(ask)
    way.standin.script("token", faults.error_before(503))

    with pytest.raises(ChannelError) as error:
        way.login().choices(code, ask)

    assert not isinstance(error.value, Unauthorized)


def test_no_secret_is_in_the_paths_that_the_platform_has_seen(way):
    found = way.choices()
    secrets = [value.get_secret_value() for choice in found for value in choice.secrets.values()]

    paths = " ".join(entry.path for entry in way.standin.journal)

    assert not [secret for secret in secrets if secret in paths]


def test_every_platform_that_is_named_has_a_login_and_others_have_none():
    for platform, places in LOGINS.items():
        ways = {login_class(platform, {table}) for table in ("facebook", "instagram", *WAYS)}
        assert len(ways - {None}) == len(places)
    assert login_class("mastodon") is None


def test_instagram_takes_the_way_whose_app_is_known():
    assert login_class("instagram", {"facebook"}).app_table == "facebook"
    assert login_class("instagram", {"instagram", "facebook"}).app_table == "instagram"
    assert login_class("instagram").app_table == "facebook"


# X


def test_x_gives_another_refresh_token_each_time_and_takes_none_twice(at):
    way = at("x")
    (choice,) = way.choices()
    old = way.adapter(choice)

    new = old.renew()

    assert new["refresh_token"] != choice.secrets["refresh_token"]
    assert way.adapter(replace(choice, secrets={**choice.secrets, **new})).check().name == "@kotarehearsal"
    with pytest.raises(Unauthorized):
        old.renew()


def test_x_leaves_us_in_doubt_when_the_answer_to_a_renewal_is_lost(at):
    way = at("x")
    (choice,) = way.choices()
    way.standin.script("token", faults.drop_after_accepting())

    with pytest.raises(Uncertain):
        way.adapter(choice).renew()

    assert choice.secrets["refresh_token"].get_secret_value() in way.standin.spent


def test_x_tells_when_the_token_ends_and_is_asked_nothing_with_one_that_has(at):
    way = at("x")
    (choice,) = way.choices()
    asked = len(way.standin.journal)
    ended = {**choice.secrets, "access_token_ends": SecretStr(str(datetime.now(UTC).timestamp() - 1))}

    ends = way.adapter(choice).check().expires
    assert timedelta(minutes=119) < ends - datetime.now(UTC) <= timedelta(hours=2)
    asked = len(way.standin.journal)
    with pytest.raises(NotYet):
        way.adapter(replace(choice, secrets=ended)).check()
    assert len(way.standin.journal) == asked


def test_x_lets_an_app_without_a_secret_in(at):
    way, ask = at("x"), Ask(REDIRECT)
    way.standin.public_app = True
    login, code = way.login(secret=None), way.code(ask)

    (choice,) = login.choices(code, ask)

    assert "client_secret" not in choice.secrets
    assert set(way.adapter(choice).renew()) == {"access_token", "access_token_ends", "refresh_token"}


def test_x_takes_whole_logins_only():
    kind = adapter_class("x")
    first = {"consumer_key": "k", "consumer_secret": "s", "access_token": "1-a", "access_token_secret": "t"}
    second = {"client_id": "c", "refresh_token": "r", "access_token": "a"}

    for given in (first, second):
        assert kind.Settings(**given)
        for left_out in given:
            with pytest.raises(ValidationError) as error:
                kind.Settings(**{name: value for name, value in given.items() if name != left_out})
            assert "access_token" in str(error.value.errors(include_url=False, include_input=False)[0]["loc"])
    assert kind(kind.Settings(**first), network=LOOPBACK).renew() is None


# Facebook and Instagram


def pages(standin: Any, *numbers: int) -> None:
    first = standin.accounts[0]
    standin.accounts[:] = [
        replace(first, id=f"10400000000000{n}", handle=f"dinas{n}", name=f"Dinas {n}", token=f"page-{n}")
        for n in numbers
    ]


def test_facebook_shows_all_pages_on_which_one_may_post(at):
    way = at("facebook")
    pages(way.standin, 1, 2, 3, 4)
    way.standin.listed_pages, way.standin.idle = 1, {"104000000000003"}

    found = way.choices()

    assert [choice.name for choice in found] == ["Dinas 1", "Dinas 2", "Dinas 4"]
    assert len({choice.secrets["access_token"].get_secret_value() for choice in found}) == 3
    assert way.adapter(found[1]).check().name == "Dinas 2"


def test_a_page_token_lasts_and_data_access_ends_after_ninety_days(at):
    way = at("facebook")
    (choice,) = way.choices()

    way.standin.time_offset = timedelta(days=80)

    assert way.adapter(choice).check().id == choice.id
    assert timedelta(days=89) < choice.ends - datetime.now(UTC) <= timedelta(days=90)


def test_facebook_is_given_a_proof_with_every_call_where_the_app_demands_it(at):
    way = at("facebook")
    way.standin.requires_proof = True

    (choice,) = way.choices()

    assert way.adapter(choice).check().id == choice.id


@pytest.mark.parametrize("name", ["facebook", "instagram by facebook"])
def test_a_person_without_a_page_is_told_so(at, name):
    way = at(name)
    way.standin.idle = {account.id for account in way.standin.accounts}
    way.standin.unlinked = set(way.standin.idle)

    with pytest.raises(Unauthorized, match="page"):
        way.choices()


def test_instagram_login_brings_its_own_host_and_a_token_that_is_renewed(at):
    way = at("instagram")

    (choice,) = way.choices()

    assert choice.settings["login"] == "instagram"
    assert choice.settings["upload_url"] == ""
    assert timedelta(days=59) < choice.ends - datetime.now(UTC) <= timedelta(days=60)
    assert choice.secrets["access_token_ends"]


def test_instagram_login_leaves_facebooks_host_for_instagrams():
    made = login_class("instagram", {"instagram"})
    assert made is not None

    login = made(App("1", SecretStr("s")), {"api_url": "https://graph.facebook.com"}, network=LOOPBACK)

    assert login.api == "https://graph.instagram.com"


# The others


def test_linkedin_shows_the_pages_on_which_a_member_may_post(at):
    way = at("linkedin")
    member = {"token": "gladi-linkedin-humas", "scopes": LINKEDIN_SCOPES}
    way.standin.accounts[1:] = [
        LinkedInAccount("104100002", "dishub-kota", "Dinas Perhubungan", **member),
        LinkedInAccount("104100003", "lain", "Lain", role="ANALYST", **member),
    ]

    found = way.choices()

    assert [(choice.id, choice.name) for choice in found] == [
        ("104100001", "Humas Kota"),
        ("104100002", "Dinas Perhubungan"),
    ]
    assert [choice.settings["organization"] for choice in found] == ["104100001", "104100002"]
    assert "refresh_token" not in found[0].secrets
    assert timedelta(days=59) < found[0].ends - datetime.now(UTC) <= timedelta(days=60)


def test_linkedin_renews_for_partners_until_the_year_is_over(at):
    way = at("linkedin")
    way.standin.partner = True
    (choice,) = way.choices()
    assert choice.ends - datetime.now(UTC) > timedelta(days=364)

    way.standin.time_offset = timedelta(days=300)
    new = way.adapter(choice).renew()

    assert new["refresh_token"] == choice.secrets["refresh_token"]
    assert moment(new["refresh_token_ends"]) < moment(choice.secrets["refresh_token_ends"])
    assert way.adapter(replace(choice, secrets={**choice.secrets, **new})).check().id == choice.id
    way.standin.time_offset = timedelta(days=366)
    with pytest.raises(Unauthorized):
        way.adapter(choice).renew()


def test_linkedin_without_a_refresh_token_has_nothing_to_renew(at):
    way = at("linkedin")

    assert way.adapter(way.choices()[0]).renew() is None


def test_tiktok_is_asked_for_what_the_channel_does(at):
    way = at("tiktok")
    assert "video.upload" in way.login().scopes
    assert "video.publish" not in way.login().scopes

    way.settings["mode"] = "direct"

    assert "video.publish" in way.login().scopes
    assert "video.upload" not in way.login().scopes
    assert way.adapter(way.choices()[0]).check().id == way.standin.accounts[0].id


def test_tiktok_has_its_challenge_in_hexadecimal(at):
    asked = parse_qs(urlsplit(at("tiktok").login().address(Ask(REDIRECT))).query)

    assert len(asked["code_challenge"][0]) == 64
    assert set(asked["code_challenge"][0]) <= set("0123456789abcdef")


def test_youtube_is_asked_for_consent_so_that_a_second_login_lasts_too(at):
    way = at("youtube")

    for _ in range(2):
        (choice,) = way.choices()
        assert choice.secrets["refresh_token"]
        assert "access_token" not in choice.secrets


# What an answer says


def answer(body: bytes) -> Any:
    from dissem.channels.client import Answer

    return Answer(200, {}, body, False)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": 1}', b'{"access_token": ""}', b'"x"'])
def test_an_answer_without_a_token_is_no_login(body):
    with pytest.raises(ChannelError):
        tokens(answer(body), datetime.now(UTC))


@pytest.mark.parametrize(
    ("text", "rights"),
    [("a b", {"a", "b"}), ("a,b, c", {"a", "b", "c"}), ("", set()), (None, set()), (["a"], set())],
)
def test_rights_are_read_with_blanks_or_commas_between_them(text, rights):
    assert scopes_in(text) == rights
