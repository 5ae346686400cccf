"""WordPress: the contract, and what only WordPress does."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from dissem.channels import wordpress
from dissem.channels.adapter import Certainty, Prepared, same_text
from dissem.channels.client import Answer
from dissem.channels.errors import Refused, Unauthorized, Uncertain, Unreachable
from dissem.channels.wordpress import WordPress, slug_of
from dissem.compose.text import from_markdown
from dissem.rehearsal import faults
from dissem.rehearsal.wordpress import WordPressStandin

from .contract import AdapterContract, Platform, prepare_all, send


class WordPressPlatform(Platform):
    adapter_class = WordPress
    operations: ClassVar = {**Platform.operations, "check": "account", "list": "read"}

    def settings(self):
        account = self.standin.accounts[0]
        return {"api_url": self.standin.url, "username": account.handle, "application_password": account.token}

    def shows(self, live, part):
        return same_text(f"{part.title}\n\n{from_markdown(part.body)}", live.text)

    def finished_uploads(self):
        """A file whose upload was never answered counts from when it was looked for: it is found, not sent again."""
        journal = self.standin.journal
        late = [place for place, entry in enumerate(journal) if (entry.label, entry.fault) == ("upload", "late")]
        return super().finished_uploads() + sum(any(e.label == "media" for e in journal[p:]) for p in late)

    def script(self, operation, *verbs):
        """A site knows its own posts at once: asking for one by its number never lags."""
        super().script(operation, *(faults.accept() if verb.kind == "lag" else verb for verb in verbs))


class TestWordPress(AdapterContract):
    @pytest.fixture
    def platform(self, standin):
        return WordPressPlatform(standin)


@pytest.fixture
def standin():
    with WordPressStandin() as running:
        yield running
    assert running.accidents == []


@pytest.fixture
def platform(standin):
    return WordPressPlatform(standin)


def post_of(standin):
    (post,) = standin.posts.values()
    return post


def labels(standin):
    return [entry.label for entry in standin.journal]


def steps_until(adapter, part, error):
    """What was saved before *error* ended the preparing."""
    saved = Prepared()
    with pytest.raises(error):
        for step in adapter.prepare(part, saved):
            saved = step
    return saved


# The draft and its slug


def test_a_slug_has_the_title_in_plain_letters_and_a_mark_of_its_own(part):
    ours = part(title="Éro & “Jalan Sudirman” ditutup: 09.30 – selesai " + "sekali " * 20)

    assert slug_of(ours).startswith("ero-jalan-sudirman-ditutup-09-30-selesai-sekali")
    assert len(slug_of(ours)) < 80
    assert slug_of(ours) == slug_of(replace(ours, text="Lain")) != slug_of(replace(ours, key="lain"))


@pytest.mark.parametrize("title", ["", "أخبار", "👩‍👩‍👧‍👦", "2026"])
def test_a_slug_is_never_empty_nor_a_number(part, title):
    slug = slug_of(part(title=title))

    assert not slug.replace("-", "").isdigit()
    assert not slug.startswith("-")


def test_wordpress_never_makes_a_2(adapter, platform, standin, part):
    """WordPress gives a taken slug a number, and makes the second post. A draft whose answer was lost is found."""
    halo = part()
    standin.script("draft", faults.drop_after_accepting())

    steps_until(adapter, halo, Unreachable)
    send(adapter, halo, platform)

    assert [post.slug for post in standin.posts.values()] == [slug_of(halo)]
    assert [live.url for live in standin.public] == [f"{standin.url}/{slug_of(halo)}/"]


def test_a_draft_that_arrived_in_between_is_taken_and_the_new_one_thrown_away(adapter, platform, standin, part):
    halo = part()
    next(adapter.prepare(halo, Prepared()))
    standin.script("list", faults.reply(200, []))

    steps_until(adapter, halo, Unreachable)
    send(adapter, halo, platform)

    assert post_of(standin).slug == slug_of(halo)


def test_the_draft_is_looked_for_in_every_status(adapter, standin, part):
    """A search without a status sees only what is public."""
    halo = part()
    first = next(adapter.prepare(halo, Prepared()))

    again = next(adapter.prepare(halo, Prepared()))

    assert first == again
    assert len(standin.posts) == 1


def test_a_release_without_pictures_has_its_text_with_the_draft(adapter, platform, standin, part):
    prepare_all(adapter, part(), platform)

    assert "<strong>ditutup</strong>" in post_of(standin).content
    assert "update" not in labels(standin)
    assert standin.public == []


def test_the_post_is_staged(adapter, part):
    assert adapter.certainty(part()) is Certainty.STAGED


# What it says


def test_title_summary_and_body_are_shown_as_they_were_written(adapter, platform, standin, part):
    ours = part(title="Tarif <baru> & jadwal", text="Tarif < Rp5.000", body="# Tarif\n\n<script>x</script> **baru**")

    send(adapter, ours, platform)

    post = post_of(standin)
    assert (post.title, post.excerpt) == ("Tarif &lt;baru&gt; &amp; jadwal", "Tarif &lt; Rp5.000")
    assert "<h2>Tarif</h2>" in post.content
    assert "&lt;script&gt;x&lt;/script&gt; <strong>baru</strong>" in post.content


def test_square_brackets_are_no_shortcode(adapter, platform, standin, part):
    send(adapter, part(body="Lihat [gallery ids=1] dan [peta](https://padang.go.id/peta)"), platform)

    content = post_of(standin).content
    assert "[" not in content
    assert '<a href="https://padang.go.id/peta">peta</a>' in content


def test_the_link_stands_below_the_text(adapter, platform, standin, part):
    send(adapter, part(link="https://padang.go.id/a?b=1&c=2"), platform)

    link = "https://padang.go.id/a?b=1&amp;c=2"
    assert post_of(standin).content.endswith(f'<p><a href="{link}">{link}</a></p>')


def test_tags_are_made_once_and_found_afterwards(adapter, platform, standin, part):
    send(adapter, part(tags=("Pasar Raya", "CFD")), platform)

    send(adapter, part(tags=("pasar raya",)), platform)

    first, second = standin.posts.values()
    assert list(standin.tags.values()) == ["Pasar Raya", "CFD"]
    assert second.tags == first.tags[:1]


# Files


def test_the_first_picture_is_featured_and_the_others_stand_in_the_text(adapter, platform, standin, part, photos):
    send(adapter, part(attachments=tuple(photos)), platform)

    post, media = post_of(standin), list(standin.media.values())
    assert post.featured_media == media[0].id
    assert [f"wp-image-{one.id}" in post.content for one in media] == [False, True, True]
    assert [one.post for one in media] == [post.id] * 3


def test_an_alt_text_keeps_what_looks_like_an_element(adapter, platform, standin, part, photos):
    """WordPress takes elements out of an alt text."""
    send(adapter, part(attachments=(photos[2],)), platform)

    assert standin.public[0].media[0].alt == "Wali kota & petugas <lapangan>"


def test_files_are_listed_for_nobody_before_their_post_is_public(adapter, platform, standin, part, photos):
    """They are reachable by address all the same, so they are sent shortly before they are due."""
    prepare_all(adapter, part(attachments=(photos[0],)), platform)

    media, post = *standin.media.values(), post_of(standin)
    assert media.post == post.id
    assert post.status == "draft"
    assert WordPress.facts.ahead <= timedelta(minutes=30)


def test_an_upload_whose_answer_was_lost_is_found_and_not_repeated(adapter, platform, standin, part, photos):
    photo = part(attachments=(photos[0],))
    standin.script("upload", faults.drop_after_accepting())

    saved = steps_until(adapter, photo, Unreachable)
    adapter.publish(photo, prepare_all(adapter, photo, platform, saved))

    assert len(standin.media) == 1
    assert len(standin.public[0].media) == 1


def test_a_file_too_large_for_the_server_in_front_is_refused(adapter, platform, standin, part, photos):
    standin.most_bytes = 100

    with pytest.raises(Refused, match="too large"):
        prepare_all(adapter, part(attachments=(photos[0],)), platform)


def test_a_picture_is_small_enough_for_a_php_that_was_never_told_otherwise():
    assert WordPress.facts.image_bytes <= 2 * 2**20


# Publishing and finding


def test_the_flip_may_be_repeated(adapter, platform, standin, part):
    halo = part()
    prepared = prepare_all(adapter, halo, platform)

    assert adapter.publish(halo, prepared) == adapter.publish(halo, prepared)
    assert len(standin.public) == 1


def test_a_post_is_found_by_its_slug_where_its_number_is_not_known(adapter, platform, part, since):
    receipt = send(adapter, halo := part(), platform)

    assert list(adapter.find(halo, Prepared(), since)) == [receipt]


@pytest.mark.parametrize("status", ["pending", "private", "future", "trash"])
def test_a_post_that_somebody_gave_another_status_is_for_a_person(adapter, platform, standin, part, since, status):
    prepared = prepare_all(adapter, halo := part(), platform)
    post_of(standin).status = status

    with pytest.raises(Uncertain, match=status):
        adapter.find(halo, prepared, since)


def test_a_site_that_makes_something_else_of_publishing_is_no_proof(adapter, platform, standin, part):
    prepared = prepare_all(adapter, halo := part(), platform)
    standin.forces = "pending"

    with pytest.raises(Uncertain, match="pending"):
        adapter.publish(halo, prepared)


def test_a_draft_that_somebody_deleted_is_refused_and_not_there(adapter, platform, standin, part, since):
    prepared = prepare_all(adapter, halo := part(), platform)
    standin.posts.clear()

    with pytest.raises(Refused):
        adapter.publish(halo, prepared)
    assert list(adapter.find(halo, prepared, since)) == []


@pytest.mark.parametrize("body", [{"id": 1}, [], "teks", "<br /><b>Warning</b>: PHP"])
def test_an_answer_that_is_no_post_proves_nothing(adapter, platform, standin, part, since, body):
    prepared = prepare_all(adapter, halo := part(), platform)
    standin.script("publish", faults.reply(200, body))
    standin.script("read", faults.reply(200, body))

    with pytest.raises(Uncertain):
        adapter.publish(halo, prepared)
    with pytest.raises((Uncertain, Unreachable)):
        adapter.find(halo, prepared, since)


@pytest.mark.parametrize("body", [{"code": "rest_no_route"}, "teks"])
def test_a_listing_that_is_none_does_not_lead_to_a_second_draft(adapter, platform, standin, part, body):
    next(adapter.prepare(halo := part(), Prepared()))
    standin.script("list", faults.reply(200, body))

    steps_until(adapter, halo, Unreachable)

    assert len(standin.posts) == 1


def test_a_firewall_does_not_make_a_lost_post_absent(adapter, platform, standin, part, since):
    prepared = prepare_all(adapter, halo := part(), platform)
    standin.script("read", faults.reply(400, "<h1>Blocked</h1>"))

    with pytest.raises(Uncertain):
        adapter.find(halo, prepared, since)


# Taking down


def test_a_removed_post_is_in_the_trash(adapter, platform, standin, part):
    adapter.remove(send(adapter, part(), platform))

    assert post_of(standin).status == "trash"


def test_a_site_without_a_trash_deletes(adapter, platform, standin, part):
    standin.keeps_trash = False
    receipt = send(adapter, part(), platform)

    adapter.remove(receipt)
    adapter.remove(receipt)

    assert standin.posts == {}
    assert standin.public == []


def test_a_post_that_a_person_pointed_to_is_removed_by_its_address(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    said = replace(receipt, id=receipt.url)

    adapter.remove(said)
    adapter.remove(said)

    assert standin.public == []


# Rights


def test_check_tells_name_address_and_role(adapter, standin):
    account = adapter.check()

    assert (account.id, account.name, account.scopes) == ("2", "Humas Kota", ("author",))
    assert account.url == f"{standin.url}/author/humas/"


def test_a_user_who_may_not_publish_is_told_at_check_and_not_at_the_first_release(adapter, standin):
    standin.roles["humas"] = "contributor"

    with pytest.raises(Unauthorized, match="publish_posts, upload_files"):
        adapter.check()


def test_a_host_that_drops_the_login_is_named(adapter, standin, part):
    """The password is right, and every write says that it is not."""
    standin.drops_authorization = True

    for act in (adapter.check, lambda: next(adapter.prepare(part(), Prepared()))):
        with pytest.raises(Unauthorized) as error:
            act()

        assert "Authorization" in error.value.hint


def test_a_right_that_was_taken_away_is_unauthorized(adapter, platform, standin, part, photos):
    prepared = prepare_all(adapter, halo := part(), platform)
    standin.roles["humas"] = "contributor"

    with pytest.raises(Unauthorized):
        adapter.publish(halo, prepared)
    with pytest.raises(Unauthorized):
        prepare_all(adapter, part(attachments=(photos[0],)), platform)


def test_a_site_with_plain_permalinks_is_told_at_check(adapter, standin):
    standin.script("account", faults.reply(404, "<h1>Halaman tidak ditemukan</h1>"))

    with pytest.raises(Refused) as error:
        adapter.check()

    assert "permalinks" in error.value.hint


def refusal(code, status, **data):
    body = {"code": code, "message": "M", "data": {"status": status, **data}}
    return Answer(status, {}, json.dumps(body).encode(), True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("rest_invalid_param", 400), Refused),
        (refusal("rest_invalid_param", 400, details={"status": {"code": "rest_forbidden_status"}}), Unauthorized),
        (refusal("rest_invalid_param", 400, details=[]), Refused),
        (refusal("empty_content", 400), Refused),
        (Answer(400, {}, b'{"code": "x", "data": 5}', True), Refused),
        (refusal("rest_cannot_create", 400), Unauthorized),
        (refusal("incorrect_password", 401), Unauthorized),
        (refusal("application_passwords_disabled", 401), Unauthorized),
        (refusal("rest_cannot_publish", 403), Unauthorized),
        (refusal("rest_forbidden", 403), Unauthorized),
        (refusal("rest_post_invalid_id", 404), Refused),
        (refusal("rest_no_route", 404), Refused),
        (refusal("rest_already_trashed", 410), Refused),
        (refusal("rest_upload_unknown_error", 500), Refused),
        (refusal("rest_upload_sideload_error", 500), Refused),
        (refusal("term_exists", 400, term_id=7), Refused),
        (refusal("term_exists", 400), Refused),
        (refusal("internal_server_error", 500), type(None)),
        (refusal("db_update_error", 500), type(None)),
        (Answer(403, {}, b"<h1>Mod_Security</h1>", True), Unauthorized),
        (Answer(413, {}, b"<h1>Too large</h1>", True), Refused),
        (Answer(429, {}, b"<h1>Slow down</h1>", True), type(None)),
        (Answer(503, {}, b"Briefly unavailable", True), type(None)),
        (Answer(520, {}, b"[]", True), type(None)),
    ],
    ids=lambda given: f"{given.status} {given.content[:40]!r}" if isinstance(given, Answer) else "",
)
def test_an_error_is_named_by_its_code(answer, error):
    assert isinstance(wordpress._translate(answer), error)


def test_maintenance_while_publishing_is_uncertain(adapter, platform, standin, part):
    prepared = prepare_all(adapter, halo := part(), platform)
    standin.script("publish", faults.error_before(503))

    with pytest.raises(Uncertain):
        adapter.publish(halo, prepared)
