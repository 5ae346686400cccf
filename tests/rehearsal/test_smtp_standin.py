"""The mail stand-in over real connections: order, TLS, login, limits, faults, and what its mailboxes hold."""

import smtplib
import socket
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from dissem.rehearsal import faults
from dissem.rehearsal.city import City
from dissem.rehearsal.page import page
from dissem.rehearsal.smtp import MailStandin

SENDER, READER = "humas@padang.example", "redaksi@harian.example"


@pytest.fixture
def standin(clock):
    with MailStandin(now=clock) as running:
        yield running
        assert running.accidents == []


@pytest.fixture
def plain(clock):
    """Unencrypted and without a login, for what has nothing to do with them."""
    made = MailStandin(security="none", now=clock)
    made.asks_login = False
    with made as running:
        yield running
        assert running.accidents == []


@pytest.fixture
def client(plain):
    with smtplib.SMTP("127.0.0.1", plain.port, local_hostname="tes.example", timeout=5) as connected:
        connected.ehlo()
        yield connected


def trusting(standin):
    return ssl.create_default_context(cafile=standin.ca_file)


def mail(**changes):
    made = EmailMessage(SMTP)
    headers = {
        "From": f"Humas Kota <{SENDER}>",
        "To": READER,
        "Subject": "Pasar Raya – buka",
        "Date": "Tue, 24 Nov 2026 09:00:00 +0700",
        "Message-ID": "<satu@padang.example>",
        **changes,
    }
    for name, value in headers.items():
        if value is not None:
            made[name] = value
    made.set_content("Pasar Raya buka.\n.\n")
    return made


def stuffed(content):
    return content.replace(b"\n.", b"\n..")


def code(client, content):
    """The reply to a message as raw bytes."""
    client.mail(SENDER)
    client.rcpt(READER)
    assert client.docmd("DATA")[0] == 354
    client.send(stuffed(content) + b"\r\n.\r\n")
    return client.getreply()[0]


# Order


@pytest.mark.parametrize(
    ("commands", "last"),
    [
        (["MAIL FROM:<humas@padang.example>"], 503),
        (["EHLO tes.example", "RCPT TO:<redaksi@harian.example>"], 503),
        (["EHLO tes.example", "DATA"], 503),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example>", "DATA"], 554),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example>", "MAIL FROM:<humas@padang.example>"], 503),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example>", "RSET", "RCPT TO:<a@b.example>"], 503),
        (["EHLO"], 501),
        (["EHLO tes_example!"], 501),
        (["EHLO tes.example", "MAIL FROM: <humas@padang.example>"], 501),
        (["EHLO tes.example", "MAIL FROM:humas@padang.example"], 501),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example> WARNA=merah"], 555),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example> SIZE=99999999"], 552),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example> ENVID=a=b"], 555),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example>", "RCPT TO:<redaksi>"], 501),
        (["EHLO tes.example", "MAIL FROM:<humas@padang.example>", "RCPT TO:<a@b.example> NOTIFY=KAPAN"], 555),
        (["EHLO tes.example", "MAIL FROM:<orang@lain.example>"], 553),
        (["EHLO tes.example", "AUTH PLAIN !!!"], 501),
        (["HELO tes.example", "AUTH PLAIN AAAA"], 503),
        (["EHLO tes.example", "STARTTLS"], 502),
        (["SELAMAT PAGI"], 502),
        (["HELO tes.example", "MAIL FROM:<humas@padang.example>", "RCPT TO:<a@b.example>", "DATA"], 354),
    ],
)
def test_commands_have_their_order_and_form(plain, commands, last):
    with smtplib.SMTP("127.0.0.1", plain.port, timeout=5) as client:
        replies = [client.docmd(command)[0] for command in commands]
        client.close()

    assert replies[-1] == last
    assert all(reply < 400 for reply in replies[:-1])


def test_nothing_but_starttls_comes_before_encryption(standin):
    with smtplib.SMTP("127.0.0.1", standin.port, timeout=5) as client:
        client.ehlo("tes.example")
        before = client.esmtp_features
        replies = [client.docmd(c)[0] for c in ("AUTH PLAIN AAAA", f"MAIL FROM:<{SENDER}>")]
        client.starttls(context=trusting(standin))
        client.ehlo("tes.example")
        after = client.esmtp_features

    assert replies == [530, 530]
    assert "starttls" in before and "auth" not in before
    assert "starttls" not in after and after["auth"].split() == ["PLAIN", "LOGIN"]


def test_after_starttls_everything_is_forgotten(standin):
    with smtplib.SMTP("127.0.0.1", standin.port, timeout=5) as client:
        client.ehlo("tes.example")
        client.starttls(context=trusting(standin))

        assert client.docmd(f"MAIL FROM:<{SENDER}>")[0] == 503


def test_its_certificate_is_for_this_machine_alone(standin):
    with smtplib.SMTP("127.0.0.1", standin.port, timeout=5) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=ssl.create_default_context())


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives_with_either_encryption_and_either_login(method, security):
    with MailStandin(security=security) as standin:
        standin.methods = (method,)
        context = trusting(standin)
        door = smtplib.SMTP_SSL if security == "tls" else smtplib.SMTP
        options = {"context": context} if security == "tls" else {}
        with door("127.0.0.1", standin.port, timeout=5, **options) as client:
            if security == "starttls":
                client.starttls(context=context)
            client.login(standin.username, standin.password)
            client.send_message(mail())

        (live,) = standin.public
        assert (live.account, live.id) == (READER, "satu@padang.example")
        assert live.text == "Pasar Raya – buka\n\nPasar Raya buka.\n."


def test_a_wrong_password_is_refused_and_never_kept(standin):
    with smtplib.SMTP("127.0.0.1", standin.port, timeout=5) as client:
        client.starttls(context=trusting(standin))
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            client.login(standin.username, "salah-sekali")
        replied = client.docmd(f"MAIL FROM:<{SENDER}>")[0]

    assert replied == 530
    assert "salah-sekali" not in repr(standin.journal)


# Addresses


def test_addresses_may_be_unknown_or_full(plain, client):
    plain.unknown.add(READER)
    plain.full.add("berita@radio.example")
    client.mail(SENDER)

    replies = [client.rcpt(address) for address in (READER.upper(), "berita@radio.example", "kota@kabar.example")]

    assert [reply[0] for reply in replies] == [550, 552, 250]
    assert [reply[1][:5] for reply in replies[:2]] == [b"5.1.1", b"5.2.2"]


def test_greylisting_ends_after_some_minutes(plain, client):
    plain.greylisted.add(READER)
    client.mail(SENDER)

    early = [client.rcpt(READER)[0] for _ in range(2)]
    plain.time_offset += timedelta(minutes=6)

    assert (early, client.rcpt(READER)[0]) == ([450, 450], 250)


def test_more_than_a_hundred_recipients_are_too_many(client):
    client.mail(SENDER)

    replies = [client.rcpt(f"a{n}@b.example")[0] for n in range(101)]

    assert replies == [250] * 100 + [452]


# Messages


def test_every_mailbox_gets_its_own_copy(plain, client):
    client.sendmail(SENDER, [READER, "kota@kabar.example"], mail().as_bytes())

    assert [live.account for live in plain.public] == [READER, "kota@kabar.example"]


def test_a_second_copy_is_a_second_mail(plain, client):
    for _ in range(2):
        client.send_message(mail())

    assert [live.id for live in plain.public] == ["satu@padang.example"] * 2


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"From": None}, 550),
        ({"To": None}, 550),
        ({"Date": None}, 550),
        ({"Date": "kemarin"}, 550),
        ({"Message-ID": None}, 550),
        ({"Message-ID": "satu"}, 550),
        ({"From": "orang@lain.example"}, 550),
        ({"From": f"{SENDER}, orang@lain.example"}, 550),
        ({"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "List-Unsubscribe": f"<mailto:{SENDER}>"}, 550),
    ],
)
def test_a_message_without_proper_headers_is_refused(plain, client, changes, refusal):
    assert code(client, mail(**changes).as_bytes()) == refusal
    assert plain.public == []


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (mail().as_bytes().replace(b"buka.\r\n", b"buka.\n"), 550),
        (mail().as_bytes() + b"\rBcc", 550),
        (mail().as_bytes() + b"x" * 999, 552),
        (mail().as_bytes() + "é".encode(), 554),
        (b"Subject: dua\r\n" + mail().as_bytes(), 550),
        (b"X-Kata: =?utf-8?q?" + b"x" * 70 + b"?=\r\n" + mail().as_bytes(), 550),
    ],
)
def test_a_message_that_careful_servers_refuse_is_refused(plain, client, content, refusal):
    assert code(client, content) == refusal
    assert plain.public == []


def test_a_message_over_the_size_is_refused_however_it_was_announced(plain, client):
    plain.size = 1000

    assert code(client, mail().as_bytes() + b"kota\r\n" * 200) == 552


def test_a_picture_must_be_one(plain, client):
    made = mail()
    made.add_attachment(b"%PDF-1.7", maintype="image", subtype="jpeg")

    assert code(client, made.as_bytes()) == 554


def test_pictures_are_kept_with_their_alt_texts(plain, client):
    made = mail()
    made.add_alternative('<img src="cid:a@b" alt="Balai &amp; kota">', subtype="html")
    made.get_payload()[1].add_related(b"\x89PNG\r\n\x1a\n", "image", "png", cid="<a@b>")

    client.send_message(made)

    ((stored,),) = (live.media for live in plain.public)
    assert (stored.bytes, stored.type, stored.alt) == (b"\x89PNG\r\n\x1a\n", "image/png", "Balai & kota")


def test_headers_that_nobody_knows_are_written_down(plain, client):
    client.send_message(mail(**{"X-Sendiri": "1", "Warna": "merah"}))

    assert plain.unknown_fields == ["warna"]


def test_a_message_without_its_final_dot_is_thrown_away(plain):
    with socket.create_connection(("127.0.0.1", plain.port), 5) as line:
        reader = line.makefile("rb")
        for command in (b"", b"EHLO x\r\n", f"MAIL FROM:<{SENDER}>\r\n".encode(), f"RCPT TO:<{READER}>\r\n".encode()):
            line.sendall(command)
            while reader.readline()[3:4] == b"-":
                pass
        line.sendall(b"DATA\r\n" + stuffed(mail().as_bytes()))
        line.shutdown(socket.SHUT_WR)
        rest = reader.read()
        reader.close()

    assert rest.startswith(b"354")
    assert plain.public == []


# Faults


@pytest.mark.parametrize(
    ("verb", "reply", "kept"),
    [
        (faults.accept(), 250, 1),
        (faults.refuse(), 554, 0),
        (faults.refuse(552, "5.3.4 Message too big"), 552, 0),
        (faults.error_before(451), 451, 0),
        (faults.error_before(421, "4.3.2 closing"), 421, 0),
        (faults.error_after_accepting(), 500, 1),
        (faults.html(), -1, 0),
        (faults.late(0.01), 250, 1),
        (faults.drop(), None, 0),
        (faults.drop_after_accepting(), None, 1),
        (faults.reset(), None, 0),
    ],
)
def test_a_message_meets_the_scripted_fault_and_the_next_one_does_not(plain, verb, reply, kept):
    plain.script("publish", verb)
    with smtplib.SMTP("127.0.0.1", plain.port, timeout=5) as client:
        client.ehlo("tes.example")
        if reply is None:
            with pytest.raises(smtplib.SMTPServerDisconnected):
                code(client, mail().as_bytes())
        else:
            assert code(client, mail().as_bytes()) == reply
        client.close()
    found = len(plain.public)
    with smtplib.SMTP("127.0.0.1", plain.port, timeout=5) as client:
        client.ehlo("tes.example")
        again = code(client, mail().as_bytes())

    assert (found, again) == (kept, 250)


@pytest.mark.parametrize(
    ("where", "verb", "reply"),
    [
        ("publish", faults.throttle(), 451),
        ("publish", faults.expired_token(), 530),
        ("recipient", faults.refuse(), 550),
        ("recipient", faults.throttle(), 450),
        ("recipient", faults.refuse(553, "5.1.3 bad"), 553),
        ("data", faults.refuse(), 554),
        ("data", faults.error_before(451), 451),
    ],
)
def test_commands_meet_their_faults(plain, client, where, verb, reply):
    plain.script(where, verb)

    replies = [client.docmd(c)[0] for c in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{READER}>", "DATA")]

    assert reply in replies
    assert plain.public == []


@pytest.mark.parametrize("verb", [faults.refuse(), faults.error_before(554, "5.7.1 no")])
def test_a_greeting_may_be_a_refusal(plain, verb):
    plain.script("connect", verb)

    with pytest.raises(smtplib.SMTPConnectError):
        smtplib.SMTP("127.0.0.1", plain.port, timeout=5)


def test_an_operation_it_does_not_have_cannot_be_scripted(plain):
    with pytest.raises(ValueError, match="publish"):
        plain.script("upload", faults.drop())


def test_stopping_closes_every_line_even_one_that_hangs(plain):
    plain.script("connect", faults.late(30))
    with socket.create_connection(("127.0.0.1", plain.port), 5) as line:
        line.settimeout(5)
        while not plain.journal:
            pass
        plain.stop()

        assert line.recv(100) == b""


def test_started_again_it_has_its_port_and_its_mails(plain, client):
    client.send_message(mail())
    port = plain.port

    plain.stop()
    plain.start()

    assert (plain.port, len(plain.public)) == (port, 1)


# Beside the others


def test_it_plays_in_a_city_and_its_mails_stand_on_the_page(plain, client):
    client.send_message(mail(Subject="<b>Pasar</b>"))

    shown = page([plain])

    assert "&lt;b&gt;Pasar&lt;/b&gt;" in shown
    assert "Redaksi Harian Minang" in shown
    with City(MailStandin()) as city:
        assert city.urls()["email"].startswith("smtp://127.0.0.1:")
