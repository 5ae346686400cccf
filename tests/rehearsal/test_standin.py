import http.client
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from dissem.rehearsal import faults
from dissem.rehearsal.files import dimensions, sniff
from dissem.rehearsal.standin import Account, Live, Standin, grown, route
from dissem.rehearsal.wire import Answer, Denied, Request


class Board(Standin):
    name = "board"

    def __init__(self, **settings):
        super().__init__(accounts=[Account("1", "kota", "Kota", token="rahasia-papan")], **settings)

    @route("POST", "/notes", label="publish")
    def pin(self, request: Request) -> Answer:
        note = str(len(self.public) + 1)
        text = request.body.decode()
        if len(text) > 40:
            raise Denied(self.refused(request))
        self.show(request, Live("kota", note, f"{self.url}/notes/{note}", text, self.clock()))
        return Answer(201, {"id": note})

    @route("GET", "/notes", label="list")
    def all_of_them(self, request: Request) -> Answer:
        return Answer(200, [live.id for live in self.listed(request)])

    @route("GET", "/notes/{id}", label="status")
    def note(self, request: Request) -> Answer:
        found = self.find(request.params["id"])
        return Answer(200, {"id": found.id}) if found else self.not_found(request)

    @route("DELETE", "/notes/{id}", label="delete")
    def unpin(self, request: Request) -> Answer:
        self.hide(request, request.params["id"])
        return Answer(204)

    @route("POST", "/forms", label="upload")
    def form(self, request: Request) -> Answer:
        form = request.form()
        files = {
            name: [(f.filename, f.type, f.bytes.decode("latin-1")) for f in many] for name, many in form.files.items()
        }
        return Answer(200, {"fields": form.fields, "files": files})

    @route("GET", "/notes/{id}/broken")
    def broken(self, request: Request) -> Answer:
        raise KeyError("a defect")


class Reply:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    def json(self):
        return json.loads(self.body)


def ask(standin, method, path, body=None, headers=None, timeout=5.0):
    line = http.client.HTTPConnection(urlsplit(standin.url).netloc, timeout=timeout)
    try:
        line.request(method, path, body, headers or {}, encode_chunked=not isinstance(body, str | bytes | None))
        return Reply(line.getresponse())
    finally:
        line.close()


@pytest.fixture
def board():
    with Board() as running:
        yield running


def test_a_request_is_carried_out_and_written_in_the_journal(board):
    answer = ask(board, "POST", "/notes", "Banjir surut")

    assert (answer.status, answer.json()) == (201, {"id": "1"})
    assert [live.text for live in board.public] == ["Banjir surut"]
    assert [(e.method, e.path, e.label, e.status, e.published) for e in board.journal] == [
        ("POST", "/notes", "publish", 201, ["1"])
    ]


def test_what_is_taken_down_is_no_longer_public(board):
    ask(board, "POST", "/notes", "Salah")

    answer = ask(board, "DELETE", "/notes/1")

    assert (answer.status, answer.body) == (204, b"")
    assert board.public == []
    assert board.journal[-1].removed == ["1"]


def test_one_line_serves_many_requests(board):
    line = http.client.HTTPConnection("127.0.0.1", board.port, timeout=5)

    for text in ("satu", "dua", "tiga"):
        line.request("POST", "/notes", text)
        assert line.getresponse().read()
        assert line.sock is not None
    line.close()

    assert [live.text for live in board.public] == ["satu", "dua", "tiga"]


def test_a_body_may_come_in_chunks(board):
    ask(board, "POST", "/notes", iter([b"per", b"lahan"]), {"Transfer-Encoding": "chunked"})

    assert board.public[0].text == "perlahan"


def test_an_unknown_path_and_a_wrong_method_are_not_found(board):
    assert ask(board, "GET", "/nothing").status == 404
    assert ask(board, "PUT", "/notes").status == 404


def test_a_malformed_request_is_refused_and_nothing_is_done(board):
    with socket.create_connection(("127.0.0.1", board.port), timeout=5) as line:
        line.sendall(b"POST /notes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")

        assert line.recv(100).startswith(b"HTTP/1.1 400")

    assert board.public == []


def test_a_body_cut_short_is_never_carried_out(board):
    with socket.create_connection(("127.0.0.1", board.port), timeout=5) as line:
        line.sendall(b"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        line.shutdown(socket.SHUT_WR)
        line.recv(100)

    assert board.public == []


def test_a_multipart_form_gives_fields_and_files(board):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="status"\r\n\r\nSelamat \xc3\xa9\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a \\"b\\".png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
        b"\x89PNG\r\n--no boundary\r\n\r\n--x--\r\n"
    )

    answer = ask(board, "POST", "/forms", body, {"Content-Type": 'multipart/form-data; boundary="x"'})

    assert answer.json() == {
        "fields": {"status": ["Selamat é"]},
        "files": {"file": [['a "b".png', "image/png", "\x89PNG\r\n--no boundary\r\n"]]},
    }


def test_an_urlencoded_form_keeps_repeated_and_empty_fields(board):
    answer = ask(
        board, "POST", "/forms", "id=1&id=2&text=", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    )

    assert answer.json()["fields"] == {"id": ["1", "2"], "text": [""]}


@pytest.mark.parametrize("body", [b"", b"--x\r\nbroken", b"--x\r\n\r\nno name\r\n--x--\r\n", b"--x\r\nA: b\r\n--x--"])
def test_a_malformed_form_is_refused(board, body):
    answer = ask(board, "POST", "/forms", body, {"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status == 400
    assert board.accidents == []


def test_a_defect_of_a_handler_answers_500_and_is_remembered(board):
    assert ask(board, "GET", "/notes/1/broken").status == 500
    assert [type(error) for error in board.accidents] == [KeyError]


@pytest.mark.parametrize(
    "verb", [faults.drop(), faults.drop_after_accepting(), faults.reset()], ids=lambda verb: verb.kind
)
def test_a_dropped_line_gives_no_answer_and_only_one_kind_leaves_the_post(board, verb):
    board.script("publish", verb)

    with pytest.raises(ConnectionError):
        ask(board, "POST", "/notes", "Halo")

    assert len(board.public) == (verb.kind == "drop_after_accepting")
    assert (board.journal[0].fault, board.journal[0].status) == (verb.kind, 0)


def test_reset_is_told_from_a_closed_line(board):
    board.script("publish", faults.reset(), faults.drop())

    with pytest.raises(ConnectionResetError) as reset:
        ask(board, "POST", "/notes", "Halo")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(board, "POST", "/notes", "Halo")

    assert not isinstance(reset.value, http.client.RemoteDisconnected)


def test_a_late_answer_is_carried_out_before_it_is_given(board):
    board.script("publish", faults.late(30))

    with pytest.raises(TimeoutError):
        ask(board, "POST", "/notes", "Halo", timeout=0.05)

    assert len(board.public) == 1


def test_a_late_answer_does_come(board):
    board.script("publish", faults.late(0.02))
    started = time.monotonic()

    answer = ask(board, "POST", "/notes", "Halo")

    assert answer.status == 201
    assert time.monotonic() - started >= 0.02


def test_stopping_waits_for_no_late_answer():
    board = Board().start()
    board.script("publish", faults.late(30))
    with socket.create_connection(("127.0.0.1", board.port), timeout=5) as line:
        line.sendall(b"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nHalo")
        while not board.public:
            time.sleep(0.001)
        started = time.monotonic()

        board.stop()

        assert time.monotonic() - started < 2
        assert line.recv(100) == b""


@pytest.mark.parametrize(
    ("verb", "status", "public"),
    [
        (faults.accept(), 201, 1),
        (faults.refuse(), 400, 0),
        (faults.refuse(status=422, body={"error": "no"}), 422, 0),
        (faults.error_before(503), 503, 0),
        (faults.reply(500), 500, 0),
        (faults.error_after_accepting(502), 502, 1),
        (faults.throttle(), 429, 0),
        (faults.expired_token(), 401, 0),
        (faults.html(), 200, 0),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_a_scripted_answer_is_given_once_and_then_all_is_normal(board, verb, status, public):
    board.script("publish", verb)

    scripted = ask(board, "POST", "/notes", "satu")

    assert scripted.status == status
    assert len(board.public) == public
    assert ask(board, "POST", "/notes", "dua").status == 201


def test_html_is_a_page_and_no_json(board):
    board.script("publish", faults.html)

    answer = ask(board, "POST", "/notes", "satu")

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_throttling_names_a_time_only_when_told(board):
    board.script("publish", faults.throttle(), faults.throttle(7))

    silent, telling = ask(board, "POST", "/notes", "x"), ask(board, "POST", "/notes", "x")

    assert silent.headers["Retry-After"] is None
    assert telling.headers["Retry-After"] == "7"


def test_faults_meet_only_their_own_operation_in_order(board):
    board.script("publish", faults.accept, faults.reply(500))

    statuses = [ask(board, "POST", "/notes", "a").status, ask(board, "GET", "/notes").status]
    statuses.append(ask(board, "POST", "/notes", "b").status)

    assert statuses == [201, 200, 500]


def test_the_newest_post_stays_out_of_listings_that_lag(board):
    ask(board, "POST", "/notes", "lama")
    ask(board, "POST", "/notes", "baru")
    board.script("list", faults.lag(2))

    listings = [ask(board, "GET", "/notes").json() for _ in range(3)]

    assert listings == [["1"], ["1"], ["2", "1"]]


@pytest.mark.parametrize(
    ("where", "verb"), [("publsh", faults.drop()), ("publish", faults.lag(1)), ("publish", faults.duplicate())]
)
def test_a_script_that_could_never_happen_is_refused(board, where, verb):
    with pytest.raises(ValueError, match=r"no operation|belongs to listings|no duplicates"):
        board.script(where, verb)


def test_another_process_scripts_faults_and_reads_what_happened(board):
    script = {"where": "publish", "verbs": [{"verb": "accept"}, {"verb": "reply", "status": 503}]}

    assert ask(board, "POST", "/_rehearsal/faults", json.dumps(script)).status == 200
    statuses = [ask(board, "POST", "/notes", "x").status for _ in range(2)]
    journal = ask(board, "GET", "/_rehearsal/journal").json()
    public = ask(board, "GET", "/_rehearsal/public").json()

    assert statuses == [201, 503]
    assert [(entry["fault"], entry["status"]) for entry in journal] == [("accept", 201), ("error_before", 503)]
    assert [(live["id"], live["text"]) for live in public] == [("1", "x")]


@pytest.mark.parametrize(
    "script", ["", "[]", '{"where": "publish"}', '{"where": "publish", "verbs": [{"verb": "explode"}]}']
)
def test_a_script_that_cannot_be_read_is_refused(board, script):
    assert ask(board, "POST", "/_rehearsal/faults", script).status == 400
    assert not board.faults


def test_faults_can_be_taken_back(board):
    board.script("publish", faults.drop)

    ask(board, "DELETE", "/_rehearsal/faults")

    assert ask(board, "POST", "/notes", "x").status == 201


def test_the_journal_tells_no_token(board):
    ask(board, "GET", "/notes/rahasia-papan", headers={"Authorization": "Bearer lain-lagi", "X-Key": "a"})

    journal = ask(board, "GET", "/_rehearsal/journal")

    assert b"rahasia-papan" not in journal.body
    assert b"lain-lagi" not in journal.body
    assert journal.json()[0]["headers"]["x-key"] == "a"


def test_hours_can_be_made_to_pass_from_outside():
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    with Board(now=lambda: noon) as board:
        ask(board, "POST", "/_rehearsal/time", '{"offset_seconds": 7200}')

        assert board.clock() == noon + timedelta(hours=2)


def test_started_again_it_has_its_old_address_and_memory():
    board = Board().start()
    url = board.url
    ask(board, "POST", "/notes", "x")
    board.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(board, "GET", "/notes")

    with board:
        assert board.url == url
        assert ask(board, "GET", "/notes").json() == ["1"]


def test_stopping_twice_and_asking_for_the_address_too_early_are_answered_plainly():
    board = Board()

    board.stop()

    with pytest.raises(RuntimeError, match="has not been started"):
        _ = board.url


def test_reactions_grow_with_age_and_are_the_same_every_time():
    ages = [timedelta(hours=hours) for hours in (-1, 0, 1, 2, 5, 24, 72, 1000)]

    counts = [grown("post-1", age, 400) for age in ages]

    assert counts == [grown("post-1", age, 400) for age in ages]
    assert counts == sorted(counts)
    assert counts[:2] == [0, 0]
    assert 80 <= counts[-1] <= 400
    assert counts != [grown("post-2", age, 400) for age in ages]


@pytest.mark.parametrize(
    ("head", "kind", "size"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0", "image/png", (1024, 768)),
        (b"GIF89a\x40\x01\xf0\0", "image/gif", (320, 240)),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\x03\0\x04\0\x03", "image/jpeg", (1024, 768)),
        (b"\0\0\0\x18ftypisom", "video/mp4", None),
        (b"%PDF-1.7", "application/pdf", None),
        (b"<html>", "application/octet-stream", None),
        (b"", "application/octet-stream", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head, kind, size):
    assert (sniff(head), dimensions(head)) == (kind, size)
