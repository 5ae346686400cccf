"""E-mail: the contract as far as a mail server can keep it, what its replies mean, and the mail itself."""

import base64
import re
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as MAIL
from email.policy import default as BARE  # noqa: N812 - line ends without CR
from html.parser import HTMLParser

import pytest
from pydantic import SecretStr, ValidationError

from dissem.channels import smtp
from dissem.channels.adapter import Certainty, Prepared, Receipt
from dissem.channels.errors import (
    ChannelError,
    NoRecipient,
    NotYet,
    Refused,
    Throttled,
    Unauthorized,
    Uncertain,
    Unreachable,
)
from dissem.channels.mail import Email
from dissem.channels.mail_addresses import Mailbox, many
from dissem.channels.mail_message import POLICY, Letterhead, release_mail, unsubscribe_token
from dissem.channels.network import Network
from dissem.channels.smtp import Door, MailServer
from dissem.channels.smtp_replies import Phase, lost, meaning
from dissem.rehearsal import faults
from dissem.rehearsal.smtp import MailStandin

from .contract import LOOPBACK, AdapterContract, Platform, prepare_all, send, whole

READER = "Redaksi Harian Minang <redaksi@harian.example>"
LETTERHEAD = Letterhead(Mailbox("humas@padang.example", "Humas Kota"), "humas.padang.example", "humas@padang.example")
SENT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class MailPlatform(Platform):
    adapter_class = Email
    operations = Platform.operations | {"check": "account"}
    max_text = None  # a mail is as long as it is

    def __init__(self, standin, monkeypatch=None):
        super().__init__(standin)
        self.monkeypatch = monkeypatch

    def script(self, operation, *verbs):
        """An answer that comes too late is not waited for."""
        if any(verb.kind == "late" for verb in verbs):
            self.monkeypatch.setattr(smtp, "READ", 0.2)
        super().script(operation, *verbs)

    def settings(self):
        return {
            "host": "127.0.0.1",
            "port": self.standin.port,
            "security": self.standin.security,
            "sender": "Humas Kota <humas@padang.example>",
            "recipients": "redaksi@harian.example, berita@radio.example",
            "password": self.standin.password,
            "ca_file": str(self.standin.ca_file),
        }

    @property
    def account(self):
        return self.standin.username

    def shows(self, live, part):
        subject, _, text = live.text.partition("\n\n")
        return subject == part.title and part.body.strip() in text


class MailContract(AdapterContract):
    """Everything asked of every channel, but for what mail cannot have: a link, a way back, a wait that is named."""

    @pytest.fixture
    def part(self, part):
        return lambda **changes: part(**{"recipient": READER, **changes})

    def test_a_published_part_has_a_link_people_can_open(self, adapter, platform, sample):
        assert send(adapter, sample(), platform).url is None

    def test_remove_takes_the_post_down_and_twice_is_done(self, adapter, platform, illustrated, sample):
        receipt = send(adapter, sample(), platform)

        with pytest.raises(Refused) as refusal:
            adapter.remove(receipt)

        assert "RALAT" in refusal.value.hint
        assert len(platform.public) == 1

    def test_a_wait_that_the_platform_names_is_told(self, adapter, platform, sample):
        prepared = prepare_all(adapter, halo := sample(), platform)
        platform.script("publish", faults.throttle(35))

        with pytest.raises(Throttled) as pause:
            adapter.publish(halo, prepared)

        assert pause.value.retry_after is None
        assert platform.public == []


class TestStartTls(MailContract):
    @pytest.fixture
    def platform(self, monkeypatch):
        with MailStandin() as standin:
            yield MailPlatform(standin, monkeypatch)
            assert standin.accidents == []


class TestTls(MailContract):
    @pytest.fixture
    def platform(self, monkeypatch):
        with MailStandin(security="tls") as standin:
            yield MailPlatform(standin, monkeypatch)
            assert standin.accidents == []


@pytest.fixture
def standin():
    with MailStandin() as running:
        yield running
        assert running.accidents == []


@pytest.fixture
def platform(standin):
    return MailPlatform(standin)


@pytest.fixture
def made(platform):
    """made(**settings) → an adapter with other settings; its connections are closed at the end."""
    adapters = []

    def made(**changes) -> Email:
        adapters.append(Email(Email.Settings(**{**platform.settings(), **changes}), network=LOOPBACK))
        return adapters[-1]

    yield made
    for adapter in adapters:
        adapter.server.close()


@pytest.fixture
def halo(part):
    """halo(**changes) → a part for one reader."""
    return lambda **changes: part(**{"recipient": READER, **changes})


def connections(standin):
    return [entry for entry in standin.journal if entry.label == "connect"]


# One address or all of them: what a refusal says


@pytest.mark.parametrize("reply", [(550, "5.1.1 User unknown"), (551, "no such user here"), (553, "5.1.3 bad mailbox")])
def test_an_unknown_user_is_the_addresss_trouble_and_the_others_get_their_mail(standin, made, halo, reply):
    standin.script("recipient", faults.refuse(*reply))

    with pytest.raises(NoRecipient, match=str(reply[0])):
        made().publish(halo(), Prepared())
    made().publish(halo(recipient="berita@radio.example"), Prepared())

    assert [live.account for live in standin.public] == ["berita@radio.example"]


@pytest.mark.parametrize(
    "reply", [(554, "5.7.1 Message refused by content policy"), (550, "5.7.1 looks like spam"), (554, "5.6.0 Bad MIME")]
)
def test_a_refused_message_is_refused_for_all(standin, made, halo, reply):
    standin.script("publish", faults.refuse(*reply))

    with pytest.raises(Refused) as refusal:
        made().publish(halo(), Prepared())

    assert not isinstance(refusal.value, NoRecipient)
    assert standin.public == []


def test_a_message_too_big_is_refused_for_all(standin, made, halo):
    standin.script("publish", faults.refuse(552, "5.3.4 Message too big"))

    with pytest.raises(Refused, match="too big") as refusal:
        made().publish(halo(), Prepared())

    assert not isinstance(refusal.value, NoRecipient)


def test_a_size_over_the_servers_own_limit_is_seen_before_anything_is_offered(standin, made, halo):
    standin.size = 500

    with pytest.raises(Refused, match="> 500"):
        made().publish(halo(), Prepared())

    assert [entry for entry in standin.journal if entry.method == "MAIL"] == []


def test_greylisting_asks_to_wait_and_the_second_try_arrives(standin, made, halo):
    standin.greylisted.add("redaksi@harian.example")
    with pytest.raises(NotYet) as wait:
        made().publish(halo(), Prepared())

    standin.time_offset += wait.value.retry_after
    made().publish(halo(), Prepared())

    assert wait.value.retry_after == timedelta(minutes=10)
    assert len(standin.public) == 1


def test_a_full_mailbox_is_tried_again_for_hours_and_is_nobody_elses_trouble(standin, made, halo):
    standin.full.add("redaksi@harian.example")

    with pytest.raises(NotYet) as wait:
        made().publish(halo(), Prepared())
    made().publish(halo(recipient="berita@radio.example"), Prepared())

    assert timedelta(hours=1) <= wait.value.retry_after <= timedelta(days=1)
    assert len(standin.public) == 1


@pytest.mark.parametrize(
    ("phase", "code", "text", "kind"),
    [
        (Phase.HELLO, 421, "4.3.2 closing", Unreachable),
        (Phase.HELLO, 554, "5.7.1 no service here", Unreachable),
        (Phase.HELLO, -1, "", Unreachable),
        (Phase.LOGIN, 535, "5.7.8 bad credentials", Unauthorized),
        (Phase.LOGIN, 534, "5.7.9 app password needed", Unauthorized),
        (Phase.LOGIN, 454, "4.7.0 temporary failure", Unreachable),
        (Phase.LOGIN, 504, "5.5.4 unrecognized mechanism", Unauthorized),
        (Phase.SENDER, 530, "5.7.0 authentication required", Unauthorized),
        (Phase.SENDER, 553, "5.7.1 not owned by user", Unauthorized),
        (Phase.SENDER, 552, "5.3.4 too big", Refused),
        (Phase.SENDER, 452, "4.3.1 insufficient storage", Throttled),
        (Phase.SENDER, 421, "4.7.0 too many connections", Unreachable),
        (Phase.RECIPIENT, 550, "5.1.1 unknown", NoRecipient),
        (Phase.RECIPIENT, 550, "no such user", NoRecipient),
        (Phase.RECIPIENT, 550, "5.4.1 Recipient address rejected: Access denied", NoRecipient),
        (Phase.RECIPIENT, 550, "5.2.1 mailbox disabled", NoRecipient),
        (Phase.RECIPIENT, 550, "5.1.8 bad sender's system address", Unauthorized),
        (Phase.RECIPIENT, 554, "5.7.1 Relay access denied", Refused),
        (Phase.RECIPIENT, 552, "mailbox full", NotYet),
        (Phase.RECIPIENT, 452, "4.2.2 over quota", NotYet),
        (Phase.RECIPIENT, 451, "4.7.1 greylisted", NotYet),
        (Phase.RECIPIENT, 503, "5.5.1 bad sequence", Unreachable),
        (Phase.MESSAGE, 554, "5.5.1 no valid recipients", Refused),
        (Phase.MESSAGE, 503, "5.5.1 bad sequence", Unreachable),
        (Phase.END, 550, "5.1.1 unknown", NoRecipient),
        (Phase.END, 552, "5.2.2 mailbox full", NotYet),
        (Phase.END, 552, "message size exceeds fixed limit", Refused),
        (Phase.END, 554, "5.7.1 policy", Refused),
        (Phase.END, 451, "4.7.1 greylisted", NotYet),
        (Phase.END, 421, "4.3.2 shutting down", Unreachable),
        (Phase.END, 500, "5.5.2 unrecognized", Uncertain),
        (Phase.END, 503, "bad sequence", Uncertain),
        (Phase.END, 354, "go on", Uncertain),
        (Phase.END, 25, "", Uncertain),
        (Phase.END, -1, "", Uncertain),
    ],
)
def test_every_reply_means_what_is_done_next(phase, code, text, kind):
    error = meaning(phase, code, text.encode())

    assert type(error) is kind
    assert str(error)


def test_a_code_that_contradicts_the_reply_is_not_believed():
    assert type(meaning(Phase.END, 450, b"5.1.1 confused")) is NotYet


def test_only_a_line_lost_after_the_final_dot_leaves_a_doubt():
    assert {phase: type(lost(phase)) for phase in Phase} == {
        phase: Uncertain if phase is Phase.END else Unreachable for phase in Phase
    }


def test_a_servers_words_cannot_paint_on_a_terminal():
    told = str(meaning(Phase.END, 554, b"5.7.1 \x1b[31mred\x07 \xe2\x80\xaeback\r\n" + b"x" * 900))

    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", told)
    assert len(told) < 500


# Lost connections


@pytest.mark.parametrize("where", ["connect", "login", "recipient"])
@pytest.mark.parametrize("verb", [faults.drop(), faults.reset()], ids=lambda verb: verb.kind)
def test_a_line_lost_before_the_final_dot_sent_nothing(standin, made, halo, where, verb):
    standin.script(where, verb)

    with pytest.raises(Unreachable):
        made().publish(halo(), Prepared())
    made().publish(halo(), Prepared())

    assert len(standin.public) == 1


def test_a_line_lost_in_the_midst_of_the_message_sent_nothing(standin, made, halo, attach):
    heavy = [attach(b"\xff\xd8\xff" + bytes([n]) * 10**6, "image/jpeg") for n in range(3)]  # more than any buffer
    standin.script("data", faults.drop())

    with pytest.raises(Unreachable):
        made().publish(halo(attachments=tuple(heavy)), Prepared())

    assert standin.public == []


def test_a_line_lost_after_the_final_dot_is_uncertain_and_its_mail_may_be_there(standin, made, halo):
    standin.script("publish", faults.drop_after_accepting())

    with pytest.raises(Uncertain):
        made().publish(halo(), Prepared())

    assert len(standin.public) == 1


@pytest.mark.parametrize("where", ["connect", "login", "recipient"])
def test_a_server_that_hangs_before_the_message_is_unreachable(standin, made, halo, where, monkeypatch):
    monkeypatch.setattr(smtp, "READ", 0.1)
    standin.script(where, faults.late(30))

    with pytest.raises(Unreachable):
        made().publish(halo(), Prepared())


@pytest.mark.parametrize(("trickles_at", "kind"), [("greeting", Unreachable), ("end", Uncertain)])
def test_a_server_that_trickles_is_cut_when_the_time_is_up(halo, monkeypatch, trickles_at, kind):
    monkeypatch.setattr(smtp, "TOTAL", 0.3)
    with trickling(trickles_at) as port:
        door = {"host": "127.0.0.1", "port": port, "security": "none", "password": None}
        adapter = Email(
            Email.Settings(**door, sender="humas@padang.example", recipients="a@b.example"), network=LOOPBACK
        )

        with pytest.raises(kind):
            adapter.publish(halo(), Prepared())


class trickling:  # noqa: N801 - reads as a verb
    """A mail server that never ends one of its replies, but always goes on with it."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.over = threading.Event()

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return self.listener.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.listener.close()

    def _serve(self) -> None:
        line, _ = self.listener.accept()
        with line, line.makefile("rb") as reader:
            if self.at == "end":
                line.sendall(b"220 x\r\n")
                for reply in (b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
                    reader.readline()
                    line.sendall(reply)
                while reader.readline() != b".\r\n":
                    pass
            try:
                while not self.over.wait(0.02):
                    line.sendall(b"2")
            except OSError:
                return


def test_where_nothing_listens_and_where_no_such_host_is_nothing_was_sent(standin, made, halo):
    standin.stop()
    with pytest.raises(Unreachable):
        made().publish(halo(), Prepared())
    with pytest.raises(Unreachable):
        made(host="x" * 70 + ".invalid").publish(halo(), Prepared())


# The connection


def test_the_mails_of_a_batch_share_a_connection(standin, made, halo):
    adapter = made()

    for reader in ("a@harian.example", "b@harian.example", "c@harian.example"):
        adapter.publish(halo(recipient=reader), Prepared())

    assert len(connections(standin)) == 1
    assert len(standin.public) == 3


def test_a_connection_that_idled_is_left_and_a_new_one_made(standin, made, halo, monkeypatch):
    monkeypatch.setattr(smtp, "IDLE", 0.0)
    adapter = made()

    adapter.publish(halo(), Prepared())
    adapter.publish(halo(), Prepared())

    assert len(connections(standin)) == 2


def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(standin, made, halo):
    adapter = made()
    adapter.publish(halo(), Prepared())
    standin.stop()
    standin.start()

    adapter.publish(halo(), Prepared())

    assert len(standin.public) == 2


def test_a_refused_address_does_not_cost_the_connection(standin, made, halo):
    standin.unknown.add("redaksi@harian.example")
    adapter = made()

    with pytest.raises(NoRecipient):
        adapter.publish(halo(), Prepared())
    adapter.publish(halo(recipient="berita@radio.example"), Prepared())

    assert len(connections(standin)) == 1


def test_threads_have_connections_of_their_own(standin, made, halo):
    adapter = made()
    parts = [halo(recipient=f"pembaca{n}@harian.example") for n in range(6)]
    threads = [threading.Thread(target=adapter.publish, args=(part, Prepared())) for part in parts]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {live.account for live in standin.public} == {part.recipient for part in parts}


def test_check_sends_nothing_and_says_goodbye(standin, made):
    account = made().check()

    assert (account.id, account.name) == ("humas@padang.example", "Humas Kota")
    assert [entry.method for entry in standin.journal] == ["CONNECT", "AUTH", "NOOP"]


@pytest.mark.parametrize("methods", [("PLAIN",), ("LOGIN",), ("LOGIN", "PLAIN")])
def test_the_login_is_tried_once_by_a_method_that_is_offered(standin, made, methods):
    standin.methods = methods

    made().check()
    with pytest.raises(Unauthorized):
        made(password="salah-sekali").check()

    tries = [entry for entry in standin.journal if entry.label == "login"]
    assert [entry.path for entry in tries] == [methods[-1]] * 2


def test_a_password_beyond_ascii_is_sent_and_never_shown(standin, made, monkeypatch):
    monkeypatch.setattr(MailStandin, "password", "kata-sandi-é-😀")

    wrong = "salah-é-😀"

    made().check()
    with pytest.raises(Unauthorized) as refusal:
        made(password=wrong).check()

    assert wrong not in whole(refusal.value)


def test_a_server_that_takes_no_passwords_is_named(standin, made):
    standin.methods = ("XOAUTH2",)

    with pytest.raises(Unauthorized, match="XOAUTH2"):
        made().check()


def test_an_untrusted_certificate_stops_everything_before_the_password(standin, made):
    with pytest.raises(Unreachable, match="certificate"):
        made(ca_file="").check()

    assert [entry.method for entry in standin.journal] == ["CONNECT"]


def test_a_certificate_for_another_name_is_not_trusted(standin, platform):
    settings = Email.Settings(**{**platform.settings(), "host": "localhost"})
    adapter = Email(settings, network=Network(frozenset({"localhost"})))

    with pytest.raises(Unreachable, match="certificate"):
        adapter.check()


def test_a_server_that_hides_its_encryption_gets_nothing(halo):
    with MailStandin(security="none") as standin:
        settings = {**MailPlatform(standin).settings(), "security": "starttls"}
        adapter = Email(Email.Settings(**settings), network=LOOPBACK)

        with pytest.raises(Unauthorized, match="encryption"):
            adapter.publish(halo(), Prepared())

        assert [entry.method for entry in standin.journal] == ["CONNECT"]


def test_plain_text_is_for_allowed_hosts_alone(halo):
    with MailStandin(security="none") as standin:
        settings = Email.Settings(**MailPlatform(standin).settings())

        with pytest.raises(Unauthorized, match="unencrypted"):
            Email(settings, network=Network()).publish(halo(), Prepared())
        allowed = Email(settings, network=LOOPBACK)
        allowed.publish(halo(), Prepared())
        allowed.server.close()

        assert len(connections(standin)) == 1


def test_a_private_address_is_not_reached_unless_it_is_allowed(standin, platform, halo):
    adapter = Email(Email.Settings(**platform.settings()), network=Network())

    with pytest.raises(Unauthorized, match=r"127\.0\.0\.1"):
        adapter.publish(halo(), Prepared())

    assert standin.journal == []


def test_without_a_password_nobody_logs_in(standin, made, halo):
    standin.asks_login = False

    made(password=None).publish(halo(), Prepared())

    assert "AUTH" not in [entry.method for entry in standin.journal]


def test_a_sender_that_is_not_the_logins_own_is_the_channels_trouble(standin, made, halo):
    with pytest.raises(Unauthorized, match="not owned"):
        made(envelope_from="orang@lain.example").publish(halo(), Prepared())


def test_a_server_without_extensions_gets_plain_commands(standin, made, halo):
    standin.extensions, standin.size = set(), 0

    made().publish(halo(), Prepared())

    assert len(standin.public) == 1


def test_bounces_name_the_part_they_belong_to(standin, made, halo, monkeypatch):
    commands = []
    docmd = smtp._Line.docmd
    monkeypatch.setattr(smtp._Line, "docmd", lambda self, *given: commands.append(given[0]) or docmd(self, *given))
    part = halo(recipient="a+b=c@harian.example")

    made().publish(part, Prepared())

    assert re.fullmatch(rf"MAIL FROM:<humas@padang.example> SIZE=\d+ RET=HDRS ENVID={part.key}", commands[-3])
    assert commands[-2].endswith("NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@harian.example")


@pytest.fixture
def server(standin, platform):
    """A mail server without any channel."""
    told = platform.settings()
    door = Door(told["host"], told["port"], "starttls", standin.username, SecretStr(standin.password), told["ca_file"])
    made = MailServer(door, LOOPBACK)
    yield made
    made.close()


def report(policy, subject="Laporan"):
    made = EmailMessage(policy)
    made["From"], made["To"], made["Subject"] = "humas@padang.example", "kepala@padang.example", subject
    made["Date"], made["Message-ID"] = SENT, "<1@padang.example>"
    made.set_content("Terlampir.\n.\n..titik\n")
    return made


@pytest.mark.parametrize("policy", [MAIL, BARE], ids=["CRLF", "LF"])
def test_any_ready_message_goes_through_the_same_door_whatever_ends_its_lines(standin, server, policy):
    server.send(report(policy), sender="humas@padang.example", recipient="kepala@padang.example")

    ((_, mail),) = standin.mails
    assert mail.text == "Terlampir.\n.\n..titik\n"


def test_a_header_that_would_end_before_its_end_is_never_written(standin, server):
    forged = report(POLICY, "=?utf-8?q?Rapat=0D=0ABcc:_korban=40jahat.example?=")

    with pytest.raises(Refused, match="written"):
        server.send(forged, sender="humas@padang.example", recipient="kepala@padang.example")

    assert standin.journal == []


def test_once_the_time_is_up_the_final_dot_is_not_sent(standin, made, halo, monkeypatch):
    monkeypatch.setattr(smtp._Bound, "__enter__", lambda self: setattr(self, "over", True) or self)

    with pytest.raises(Unreachable):
        made().publish(halo(), Prepared())

    assert standin.public == []


def test_a_password_crosses_no_network_unencrypted_even_to_an_allowed_host(halo, monkeypatch):
    monkeypatch.setattr(smtp, "_is_loopback", lambda line: False)
    with MailStandin(security="none") as standin:
        adapter = Email(Email.Settings(**MailPlatform(standin).settings()), network=LOOPBACK)

        with pytest.raises(Unauthorized, match="unencrypted"):
            adapter.publish(halo(), Prepared())

        assert [entry.method for entry in standin.journal] == ["CONNECT"]


# The mail


def built(part, **changes):
    return release_mail(part, replace(LETTERHEAD, **changes), Mailbox.of(part.recipient), SENT)


def received(message):
    return message_from_bytes(message.as_bytes(), policy=MAIL)


def test_every_try_is_the_same_mail_to_the_byte(made, platform, halo, photos):
    part = halo(attachments=tuple(photos))
    prepared = prepare_all(made(), part, platform)

    tries = [release_mail(part, LETTERHEAD, Mailbox.of(READER), datetime.fromisoformat(prepared.get("date")))] * 2
    again = prepare_all(made(), part, platform, prepared)

    assert (
        tries[0].as_bytes() == release_mail(part, LETTERHEAD, Mailbox.of(READER), tries[0]["Date"].datetime).as_bytes()
    )
    assert again == prepared


def test_a_lost_mail_sent_again_bears_the_same_id_and_date(standin, made, platform, halo):
    prepared = prepare_all(made(), part := halo(), platform)
    standin.script("publish", faults.drop_after_accepting())

    with pytest.raises(Uncertain):
        made().publish(part, prepared)
    receipt = made().publish(part, prepared)

    first, second = (mail.headers for _, mail in standin.mails)
    assert first == second
    assert first["Message-ID"] == f"<{receipt.id}>"


def test_a_mail_bears_the_time_of_its_sending_not_of_the_draft(made, platform, halo, standin):
    part = halo(created=datetime(2026, 1, 2, tzinfo=UTC))

    made().publish(part, prepare_all(made(), part, platform))

    sent = message_from_bytes(f"Date: {standin.mails[0][1].headers['Date']}\r\n\r\n".encode(), policy=MAIL)
    assert abs(sent["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)


def test_two_readers_have_two_ids(halo):
    one, other = (built(halo(key="k", recipient=reader)) for reader in ("a@x.example", "b@x.example"))

    assert one["Message-ID"] != other["Message-ID"]
    assert one["Message-ID"].endswith("@padang.example>")


def test_the_headers_are_those_of_a_press_list(halo):
    part = halo(tags=("Padang", "Lalu Lintas"))

    mail = received(built(part, reply_to=Mailbox("media@padang.example")))

    assert {name: str(mail[name]) for name in mail if not name.startswith(("Content-Type", "MIME", "Message"))} == {
        "From": "Humas Kota <humas@padang.example>",
        "To": "Redaksi Harian Minang <redaksi@harian.example>",
        "Reply-To": "media@padang.example",
        "Subject": "Jalan Sudirman ditutup Minggu pagi",
        "Date": "Tue, 24 Nov 2026 02:00:00 +0000",
        "List-Id": "<humas.padang.example>",
        "List-Unsubscribe": "<mailto:humas@padang.example?subject=unsubscribe>",
        "X-Dissem-Delivery": part.key,
        "Content-Language": "id",
        "Keywords": "Padang, Lalu Lintas",
    }


def test_one_click_needs_https_and_a_token_nobody_can_guess(halo):
    mail = built(halo(), unsubscribe="https://padang.example/u/", key="kunci-yang-panjang")

    token = unsubscribe_token("kunci-yang-panjang", "humas.padang.example", "Redaksi@harian.example")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith(f"<https://padang.example/u/{token}>, <mailto:")
    assert token != unsubscribe_token("kunci-yang-lain-lagi", "humas.padang.example", "redaksi@harian.example")
    assert "redaksi" not in token


def test_without_https_there_is_no_one_click(halo):
    assert built(halo())["List-Unsubscribe-Post"] is None


def test_text_comes_first_then_html_and_both_can_be_read(halo):
    part = halo(
        body="Jalan **ditutup**.\n\n## Jadwal\n\n- pukul 6\n\n[peta](https://padang.example/peta)",
        link="https://padang.example/1",
    )

    mail = received(built(part))

    kinds = [one.get_content_type() for one in mail.iter_parts()]
    text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert kinds == ["text/plain", "text/html"]
    assert "Jalan **ditutup**." in text and "Selengkapnya: https://padang.example/1" in text
    assert "<strong>ditutup</strong>" in page and '<h3 style="' in page and "max-width:600px" in page
    assert page.count('href="https://padang.example/1"') == 1


def test_pictures_stand_in_the_mail_itself_with_their_alt_texts(halo, photos):
    mail = received(built(halo(attachments=tuple(photos))))

    page = mail.get_body(("related",))
    pictures = [one for one in page.iter_parts() if one.get_content_maintype() == "image"]
    html = mail.get_body(("html",)).get_content()
    assert [one.get_content() for one in pictures] == [photo.path.read_bytes() for photo in photos]
    assert [one.get_content_disposition() for one in pictures] == ["inline"] * 3
    assert re.findall(r'src="cid:([^"]+)"', html) == [one["Content-ID"].strip("<>") for one in pictures]
    assert "Wali kota &amp; petugas &lt;lapangan&gt;" in html


def test_nothing_is_loaded_from_elsewhere(halo, photos):
    body = "![jejak](https://pelacak.example/p.gif)\n\n<img src=https://pelacak.example/q.gif>"

    page = received(built(halo(body=body, attachments=(photos[0],)))).get_body(("html",)).get_content()

    assert re.findall(r'<img src="([^:"]+)', page) == ["cid"]


def test_three_fitted_photos_stay_below_five_megabytes(halo, attach):
    heavy = [attach(b"\xff\xd8\xff" + bytes([n]) * (Email.facts.image_bytes - 3), "image/jpeg") for n in range(3)]

    assert len(built(halo(attachments=tuple(heavy))).as_bytes()) < 5 * 10**6


def test_long_ids_and_addresses_are_neither_folded_nor_encoded(halo):
    way = "https://padang.example/" + "panjang/" * 20

    raw = built(halo(key="0b8f8a5e-6b64-5c0e-9d7c-64697373656d"), unsubscribe=way, key="k" * 20).as_bytes()

    head = raw.partition(b"\r\n\r\n")[0]
    assert re.search(rb"^Message-ID: <0b8f8a5e-6b64-5c0e-9d7c-64697373656d\.\w{12}@padang\.example>\r$", head, re.M)
    assert f"List-Unsubscribe: <{way}".encode() in head


def test_long_titles_keep_their_letters_in_short_encoded_words(halo, standin, made):
    title = "Peresmian Pasar Raya – é 👩‍👩‍👧‍👦 " * 6

    made().publish(halo(title=title), Prepared())

    assert standin.mails[0][1].subject == title.strip()


def test_an_english_release_is_english_all_through(halo):
    mail = received(built(halo(language="en", link="https://padang.example/1")))

    assert mail["Content-Language"] == "en"
    assert "Read more: https://padang.example/1" in mail.get_body(("plain",)).get_content()


def test_nothing_can_be_read_back(made, halo):
    assert made().certainty(halo()) is Certainty.BLIND
    assert made().measure([Receipt("x")]) == {}


# Settings


@pytest.mark.parametrize(
    "text",
    [
        "a@x.example, b@x.example",
        "a@x.example;b@x.example",
        "a@x.example\r\nb@x.example\n",
        " A@x.example ;\n, b@x.example,a@X.EXAMPLE, a@x.example",
    ],
)
def test_recipients_are_separated_as_people_do_and_each_is_taken_once(text):
    assert [mailbox.key for mailbox in many(text)] == ["a@x.example", "b@x.example"]


def test_names_with_commas_are_one_recipient():
    assert many('"Redaksi, Harian" <a@x.example>; Ani Löwe <b@x.example>') == (
        Mailbox("a@x.example", "Redaksi Harian"),
        Mailbox("b@x.example", "Ani Löwe"),
    )


def test_recipients_kept_in_the_database_are_read_again(platform):
    first = Email.Settings(**platform.settings())

    again = Email.Settings(**{**platform.settings(), "recipients": first.model_dump(mode="json")["recipients"]})

    assert again.recipients == first.recipients


@pytest.mark.parametrize(
    "address",
    [
        "élan@x.example",
        "a b@x.example",
        "a@@x.example",
        "a@x",
        "@x.example",
        "a@",
        ".a@x.example",
        "a..b@x.example",
        "a@-x.example",
        "a@[127.0.0.1]",
        "a@x.example>",
        "Nama <a@x.example> lagi",
        "x" * 65 + "@x.example",
        "a@" + "x" * 64 + ".example",
        '"a b"@x.example',
        "a@x.example\0",
    ],
)
def test_what_is_no_address_is_refused_by_its_number_and_not_shown(platform, address):
    with pytest.raises(ValidationError) as refusal:
        Email.Settings(**{**platform.settings(), "recipients": f"ada@x.example\n{address}"})

    assert "number" in str(refusal.value)
    assert address not in str(refusal.value)


def test_a_domain_beyond_ascii_is_written_in_ascii():
    assert Mailbox.of("a@köln.example").address == "a@xn--kln-sna.example"


@pytest.mark.parametrize(
    "changes",
    [
        {"port": 0},
        {"security": "ssl"},
        {"sender": ""},
        {"sender": "humas"},
        {"host": "smtp.example/x"},
        {"host": "-"},
        {"list_id": "press <x>"},
        {"unsubscribe": "http://padang.example/u/"},
        {"unsubscribe": "https://padang.example/u/"},
        {"unsubscribe": "https://padang.example/u/", "unsubscribe_key": "pendek"},
        {"recipients": '"'},
    ],
)
def test_settings_that_cannot_work_are_refused(platform, changes):
    with pytest.raises(ValidationError):
        Email.Settings(**{**platform.settings(), **changes})


# Injection

ENDS = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0\r\n")
BAIT = "Bcc: korban@jahat.example"
PAYLOADS = (
    *(f"Rapat{end}{BAIT}" for end in ENDS),
    f"Rapat\r\n\r\n{BAIT}",
    f"Rapat\r\n {BAIT}",
    f"\r\n{BAIT}\r\n",
    f"{BAIT}\r\n",
    "Rapat\r\n.\r\nMAIL FROM:<x@jahat.example>\r\n",
    "Rapat\n.\nRCPT TO:<korban@jahat.example>",
    "Rapat\r.\rDATA",
    "=?utf-8?q?Rapat=0D=0ABcc:_korban=40jahat.example?=",
    "=?utf-8?b?" + base64.b64encode(f"Rapat\r\n{BAIT}".encode()).decode() + "?=",
    "x" * 990 + f"\r\n{BAIT}",
    "\u202ekorban\u202c",
    '"><script>alert(1)</script>',
    '" onload="alert(1)',
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "<korban@jahat.example>, ",
    "Humas <korban@jahat.example>,",
    '"Humas" <korban@jahat.example>; ',
    "--=_batas\r\nContent-Type: text/html\r\n\r\n<b>",
    "%0d%0aBcc:korban@jahat.example",
    "\ud800",
)
SETTINGS = {"host": "127.0.0.1", "sender": "Humas <humas@padang.example>", "recipients": "a@x.example"}
PLACES = ("title", "agency", "key", "language", "body", "text", "link", "tag", "alt")


@pytest.fixture
def plain():
    """An adapter and its stand-in, unencrypted for speed."""
    with MailStandin(security="none") as standin:
        adapter = Email(Email.Settings(**MailPlatform(standin).settings()), network=LOOPBACK)
        yield adapter, standin
        adapter.server.close()


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_nothing_in_a_release_becomes_a_header_a_command_or_an_element(plain, halo, photos, payload):
    adapter, standin = plain
    adapter.publish(halo(attachments=(photos[0],), link="https://a.example", tags=("x",)), Prepared())
    expected = sorted(standin.mails[0][1].headers)

    for place in PLACES:
        changes = {"attachments": (photos[0],), "link": "https://a.example", "tags": ("x",)}
        if place == "alt":
            changes["attachments"] = (replace(photos[0], alt=payload),)
        else:
            changes["tags" if place == "tag" else place] = (f"x{payload}",) if place == "tag" else payload
        adapter.publish(halo(**changes), Prepared())
    bodies = [mail.html for _, mail in standin.mails]

    assert [sorted(mail.headers) for _, mail in standin.mails] == [expected] * (len(PLACES) + 1)
    assert {live.account for live in standin.public} == {"redaksi@harian.example"}
    assert all(shape(body) <= shape(bodies[0]) | {"li", "ul", "code", "pre", "blockquote", "h2"} for body in bodies)
    assert standin.unknown_fields == []


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_nobody_gets_a_mail_by_a_forged_address_or_name(plain, halo, payload):
    adapter, standin = plain

    for recipient in (payload, f"a@x.example{payload}", f"{payload}<a@x.example>", f"<{payload}a@x.example>"):
        try:
            adapter.publish(halo(recipient=recipient), Prepared())
        except ChannelError as error:
            assert isinstance(error, NoRecipient)

    assert {live.account for live in standin.public} <= {"a@x.example"}
    assert all("Bcc" not in mail.headers for _, mail in standin.mails)
    assert all(re.findall(r"[\w.]+@[\w.]+", mail.headers["To"]) == ["a@x.example"] for _, mail in standin.mails)


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
@pytest.mark.parametrize("setting", ["sender", "reply_to", "envelope_from", "list_id", "unsubscribe"])
def test_settings_cannot_smuggle_headers_either(halo, setting, payload):
    told = {**SETTINGS, setting: payload if setting == "list_id" else f"{payload} <humas@padang.example>"}
    try:
        adapter = Email(Email.Settings(**told), network=LOOPBACK)
    except ValidationError:
        return

    head = (
        release_mail(halo(), adapter._letterhead(), Mailbox("a@x.example"), SENT).as_bytes().partition(b"\r\n\r\n")[0]
    )

    assert not re.search(rb"^(bcc|\.|mail|rcpt|data)", head, re.IGNORECASE | re.MULTILINE)
    assert len(re.findall(rb"^From:", head, re.MULTILINE)) == 1


def shape(page):
    """The elements in a page, with their attributes that could do something."""
    found = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.add(tag)
            found.update(f"{tag}[{name}]" for name, _ in attrs if name.startswith("on"))
            found.update(f"{tag}: {value}" for name, value in attrs if "script:" in (value or "") and name != "alt")

    Reader().feed(page)
    return found


# A server that is not ours


def test_a_mail_arrives_whole_at_a_real_server(halo, photos):
    from aiosmtpd.controller import Controller

    class Inbox:
        def __init__(self):
            self.kept = []

        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's name
            self.kept.append(envelope)
            return "250 OK"

    standin = MailStandin()
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port, tls_context=standin.tls(), require_starttls=True)
    controller.start()
    try:
        told = {"host": "127.0.0.1", "port": port, "ca_file": str(standin.ca_file), "recipients": READER}
        adapter = Email(Email.Settings(sender="humas@padang.example", **told), network=LOOPBACK)
        receipt = adapter.publish(halo(attachments=(photos[0],), body=".titik\n\nPadang – **kota**"), Prepared())
        adapter.server.close()
    finally:
        controller.stop()

    (envelope,) = inbox.kept
    mail = message_from_bytes(envelope.content, policy=MAIL)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("humas@padang.example", ["redaksi@harian.example"])
    assert mail["Message-ID"] == f"<{receipt.id}>"
    assert mail.get_body(("plain",)).get_content().startswith(".titik\r\n\r\nPadang – **kota**")
    assert "<strong>kota</strong>" in mail.get_body(("html",)).get_content()
    assert [one.get_content() for one in mail.walk() if one.get_content_type() == "image/jpeg"] == [
        photos[0].path.read_bytes()
    ]
