"""LinkedIn: the contract, and what only LinkedIn does."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from dissem.channels import linkedin, linkedin_refusals, linkedin_text
from dissem.channels.adapter import Counts, Gone, Prepared
from dissem.channels.client import Answer
from dissem.channels.errors import NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.linkedin import LinkedIn
from dissem.rehearsal import faults
from dissem.rehearsal import linkedin_text as little
from dissem.rehearsal.linkedin import LinkedInStandin

from .contract import AdapterContract, Platform, prepare_all, send


class LinkedInPlatform(Platform):
    adapter_class = LinkedIn
    operations: ClassVar = {**Platform.operations, "check": "account"}
    allows_twins = False

    def settings(self):
        return {
            "api_url": self.standin.url,
            "organization": self.standin.accounts[0].id,
            "access_token": self.standin.token,
        }


@pytest.fixture
def platform():
    with LinkedInStandin() as standin:
        yield LinkedInPlatform(standin)
        assert standin.accidents == []


@pytest.fixture
def standin(platform):
    return platform.standin


@pytest.fixture
def clip(clip, attach):
    """The sample clip, made as large as LinkedIn wants a video to be."""
    data = clip.path.read_bytes()
    filling = 80_000 - len(data)
    enlarged = data + filling.to_bytes(4) + b"free" + b"\0" * (filling - 8)
    return attach(enlarged, "video/mp4", width=320, height=240, duration=3.1, alt=clip.alt)


@pytest.fixture
def film(standin, part, clip):
    """A part with a video that LinkedIn asks for in four pieces."""
    standin.part_bytes = -(-clip.size // 4)
    return part(kind="video", attachments=(clip,))


class TestContract(AdapterContract):
    """Everything asked of every channel."""


class TestWithSlowImages(AdapterContract):
    """LinkedIn may take a while to process images, too."""

    @pytest.fixture
    def platform(self):
        with LinkedInStandin() as standin:
            standin.image_polls = 2
            yield LinkedInPlatform(standin)


def lose(adapter, standin, part, prepared=None):
    """Publish *part*, and lose the answer."""
    standin.script("publish", faults.drop_after_accepting())
    with pytest.raises(Uncertain):
        adapter.publish(part, prepared or Prepared())


def edit(standin, urn, text):
    """Change a post's text, as a person does."""
    answer = requests.post(
        f"{standin.url}/rest/posts/{quote(urn, safe='')}",
        json={"patch": {"$set": {"commentary": text}}},
        headers={
            "Authorization": f"Bearer {standin.token}",
            "LinkedIn-Version": "202607",
            "X-Restli-Protocol-Version": "2.0.0",
            "X-RestLi-Method": "PARTIAL_UPDATE",
        },
        timeout=5,
    )
    assert answer.status_code == 204


# Little text


SIGNS = r"a ( b ) c [ d ] e { f } g < h > i # j _ k * l ~ m | n \ o @ p"


def test_every_sign_that_means_something_arrives_whole(adapter, platform, part):
    send(adapter, part(text=SIGNS), platform)

    assert [live.text for live in platform.public] == [SIGNS]


def test_linkedin_text_with_brackets_hash_and_underscore_arrives_whole_and_its_hashtags_live(
    adapter, platform, standin, part
):
    """An unescaped bracket cuts the text where it stands, and an escaped hash sign is a hashtag no more."""
    text = "Pasar (lama) ditutup, blok_A [utara], nomor #1. #PadangBersih #hari_guru {akhir}"

    send(adapter, part(text=text), platform)

    (post,) = standin.posts.values()
    assert post.commentary.text == text
    assert not post.commentary.cut
    assert post.commentary.of("hashtag") == ["PadangBersih", "hari_guru"]


@pytest.mark.parametrize(
    ("text", "commentary", "hashtags"),
    [
        ("Minggu (22/11/2026)", r"Minggu \(22/11/2026\)", []),
        ("#Padang, #CêkFakta!", r"{hashtag|\#|Padang}, {hashtag|\#|CêkFakta}!", ["Padang", "CêkFakta"]),
        ("#hari_guru", r"{hashtag|\#|hari\_guru}", ["hari_guru"]),
        ("nomor #1 dan C# dan &#38;", r"nomor \#1 dan C\# dan &\#38;", []),
        ("##Padang", r"\#\#Padang", []),
        ("tanya @dishub_kota", r"tanya \@dishub\_kota", []),
        ("{hashtag|#|palsu}", r"\{hashtag\|\#\|palsu\}", []),
    ],
)
def test_hashtags_stay_live_and_nothing_else_becomes_one(text, commentary, hashtags):
    assert linkedin_text.written(text) == commentary
    assert little.read(commentary).text == text
    assert little.read(commentary).of("hashtag") == hashtags


def test_an_address_stays_live_although_it_has_underscores():
    text = "Rute: https://dishub.padang.go.id/rute_baru/~cfd?hari=minggu_pagi lalu a_b"

    shown = little.read(linkedin_text.written(text))

    assert shown.of("link") == ["https://dishub.padang.go.id/rute_baru/~cfd?hari=minggu_pagi"]
    assert shown.text == text


def test_an_address_with_parentheses_does_not_cut_the_text():
    text = "https://id.wikipedia.org/wiki/Padang_(kota)#Sejarah dan lainnya"

    assert little.read(linkedin_text.written(text)).text == text


@given(st.text(st.sampled_from(r"\|{}@[]()<>#*_~ ab1é:/.&" + "\n") | st.characters(codec="utf-8")))
def test_whatever_is_written_is_shown_whole_and_read_back_the_same(text):
    commentary = linkedin_text.written(text)

    assert little.read(commentary).text == text
    assert linkedin_text.read(commentary) == text


def test_mentions_that_people_made_are_read_as_names():
    assert linkedin_text.read(r"Bersama @[Dishub \(Kota\)](urn:li:organization:5)") == "Bersama Dishub (Kota)"


def test_lengths_are_counted_in_utf16_without_escapes(adapter, platform, part):
    text = "(" * 2998 + "🙂"

    send(adapter, part(text=text), platform)

    assert LinkedIn.length(text) == 3000
    assert platform.public[0].text == text


# The account


def test_check_tells_the_page_its_address_and_the_role(adapter):
    account = adapter.check()

    assert (account.id, account.name) == ("104100001", "Humas Kota")
    assert account.url == "https://www.linkedin.com/company/humas-kota/"
    assert account.scopes == ("ADMINISTRATOR",)


def test_the_page_may_be_given_by_its_urn(platform, part):
    settings = {**platform.settings(), "organization": "urn:li:organization:104100001"}

    assert LinkedIn(LinkedIn.Settings(**settings), network=platform.adapter().network).check().id == "104100001"


@pytest.mark.parametrize("wrong", [{"organization": "humas-kota"}, {"organization": ""}, {"version": "2026-07"}])
def test_settings_that_would_bend_the_address_are_refused(platform, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LinkedIn.Settings(**{**platform.settings(), **wrong})


def test_a_member_without_a_posting_role_is_told_so_before_anything_is_sent(adapter, standin):
    standin.accounts[0] = replace(standin.accounts[0], role="RECRUITING_POSTER")

    with pytest.raises(Unauthorized, match="may not post"):
        adapter.check()


def test_a_member_of_another_page_is_told_so(platform):
    settings = {**platform.settings(), "organization": "104100002"}

    with pytest.raises(Unauthorized, match="may not post"):
        LinkedIn(LinkedIn.Settings(**settings), network=platform.adapter().network).check()


def test_a_retired_version_pauses_the_channel_and_names_the_setting(platform, part):
    settings = LinkedIn.Settings(**{**platform.settings(), "version": "202511"})

    with pytest.raises(Unauthorized) as retired:
        LinkedIn(settings, network=platform.adapter().network).publish(part(), Prepared())

    assert "version" in retired.value.hint
    assert platform.public == []


def test_the_version_of_the_facts_is_the_one_asked_for(platform):
    assert LinkedIn.Settings(**platform.settings()).version == LinkedIn.facts.api


# Files


def test_one_image_is_media_and_several_are_a_multi_image(adapter, platform, standin, part, photos):
    send(adapter, part(text="Satu", attachments=(photos[0],)), platform)
    send(adapter, part(text="Dua", attachments=tuple(photos[:2])), platform)

    assert [list(post.content) for post in standin.posts.values()] == [["media"], ["multiImage"]]


def test_an_image_in_processing_is_saved_before_it_is_waited_for(adapter, standin, part, photos):
    standin.image_polls = 2
    photo, saved = part(attachments=(photos[0],)), Prepared()

    with pytest.raises(NotYet) as pause:
        for step in adapter.prepare(photo, saved):
            saved = step
    ready = list(adapter.prepare(photo, saved))[-1]
    adapter.publish(photo, ready)

    assert pause.value.retry_after == linkedin.POLL
    assert ready.get("media") == list(standin.assets)
    assert len(standin.public) == 1


def test_a_file_that_linkedin_never_got_is_sent_again(adapter, platform, standin, part, photos):
    photo = part(attachments=(photos[0],))
    standin.script("upload", faults.reply(201, b""))

    with pytest.raises(Unreachable, match="not received"):
        list(adapter.prepare(photo, Prepared()))
    send(adapter, photo, platform)

    assert platform.public[0].media[0].bytes == photos[0].path.read_bytes()


def test_a_post_whose_file_is_not_there_yet_was_surely_not_made(adapter, standin, part, photos):
    standin.image_polls = 5
    photo = part(attachments=(photos[0],))

    with pytest.raises(Unreachable):
        adapter.publish(photo, next(adapter.prepare(photo, Prepared())))

    assert standin.public == []


@pytest.mark.parametrize("host", ["evil.example", "linkedin.com.evil.example", "xlicdn.com"])
def test_files_and_token_go_to_no_foreign_address(adapter, standin, part, photos, host):
    value = {"value": {"image": "urn:li:image:X", "uploadUrl": f"https://{host}/dms-uploads/1"}}
    standin.script("initialize", faults.reply(200, value))

    with pytest.raises(Unreachable, match=host):
        list(adapter.prepare(part(attachments=(photos[0],)), Prepared()))


def test_linkedins_own_hosts_are_allowed(adapter):
    for url in ("https://www.linkedin.com/dms-uploads/x", "https://media.licdn.com/x"):
        assert adapter._address(url) == url


def test_every_part_of_a_video_goes_to_its_own_address_without_the_token(adapter, platform, standin, film, monkeypatch):
    authorized = []
    handle = type(standin).upload
    monkeypatch.setattr(
        type(standin), "upload", lambda self, request: authorized.append(request.bearer) or handle(self, request)
    )

    receipt = send(adapter, film, platform)

    assert platform.public[0].media[0].bytes == film.attachments[0].path.read_bytes()
    assert len({entry.path for entry in platform.calls("upload")}) == 4
    assert authorized == [None] * 4
    assert receipt.id.startswith("urn:li:ugcPost:")


@pytest.mark.parametrize("broken", range(4))
@pytest.mark.parametrize("verb", [faults.drop(), faults.drop_after_accepting(), faults.html()], ids=lambda v: v.kind)
def test_a_video_goes_on_with_the_part_that_was_not_confirmed(adapter, platform, film, broken, verb):
    platform.script("upload", *[faults.accept()] * broken, verb)
    saved = Prepared()
    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step

    adapter.publish(film, prepare_all(adapter, film, platform, saved))

    assert platform.public[0].media[0].bytes == film.attachments[0].path.read_bytes()
    assert len(platform.calls("upload")) == 5


def test_an_upload_whose_address_has_had_its_time_begins_anew(adapter, platform, standin, film):
    steps = adapter.prepare(film, Prepared())
    saved = [next(steps), next(steps)][-1]
    platform.wait(timedelta(days=2))

    with pytest.raises(Unreachable):
        for step in adapter.prepare(film, saved):
            saved = step
    adapter.publish(film, prepare_all(adapter, film, platform, saved))

    assert saved == Prepared()
    assert len(standin.assets) == 2
    assert len(platform.public) == 1


def test_an_upload_is_good_as_long_as_its_addresses_and_a_finished_video_longer(adapter, platform, film):
    steps = adapter.prepare(film, Prepared())
    begun = next(steps)

    finished = prepare_all(adapter, film, platform)

    assert timedelta(hours=23) < begun.expires - datetime.now(UTC) <= timedelta(hours=24)
    assert finished.expires is None
    assert list(finished.data) == ["media"]


def test_a_video_that_linkedin_gives_up_is_refused_and_can_be_tried_anew(adapter, platform, standin, part, attach):
    small = attach(b"\0\0\0\x18ftypmp42" + b"\0" * 60_000, "video/mp4", duration=5.0)
    film, saved = part(kind="video", attachments=(small,)), Prepared()

    with pytest.raises(Refused, match="MP4"):
        for _ in range(3):
            try:
                for step in adapter.prepare(film, saved):
                    saved = step
            except NotYet:
                continue

    assert saved == Prepared()


def test_a_finalized_video_is_not_finalized_again(adapter, platform, standin, film):
    standin.video_polls = 3

    prepare_all(adapter, film, platform)

    assert sum(entry.label == "finalize" for entry in standin.journal) == 1


# Publishing and looking


def test_a_created_post_without_an_id_is_uncertain(adapter, standin, part):
    standin.script("publish", faults.reply(201, {}))

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())


def test_a_repetition_is_uncertain_and_names_the_post(adapter, platform, part, since):
    first = send(adapter, part(), platform)

    with pytest.raises(Uncertain, match=first.id):
        adapter.publish(part(), Prepared())

    assert [found.id for found in adapter.find(part(), Prepared(), since)] == [first.id]


def test_a_ghost_that_linkedin_calls_a_repetition_is_no_proof(adapter, platform, part, since):
    adapter.remove(send(adapter, part(), platform))

    with pytest.raises(Uncertain):
        adapter.publish(part(), Prepared())

    assert list(adapter.find(part(), Prepared(), since)) == []


def test_our_files_prove_the_post_although_the_words_were_changed(adapter, platform, standin, part, photos, since):
    ours = part(attachments=tuple(photos[:2]))
    prepared = prepare_all(adapter, ours, platform)
    lose(adapter, standin, ours, prepared)
    edit(standin, standin.public[0].id, "Diubah orang lain.")

    (found,) = adapter.find(ours, prepared, since)

    assert found.id == standin.public[0].id


def test_the_same_words_with_other_files_are_not_this_part(adapter, platform, standin, part, photos, since):
    send(adapter, part(attachments=(photos[1],)), platform)
    ours = part(attachments=(photos[0],))

    assert list(adapter.find(ours, prepare_all(adapter, ours, platform), since)) == []
    assert list(adapter.find(part(), Prepared(), since)) == []


@pytest.mark.parametrize(
    "text",
    [
        SIGNS,
        "Rapat (tertutup) #Padang #hari_guru https://a.id/x_y",
        "Baris satu\nBaris dua\n\n\nBaris tiga  –  “selesai”",
    ],
)
def test_what_linkedin_makes_of_a_text_is_still_recognised(adapter, standin, part, since, text):
    lose(adapter, standin, ours := part(text=text))

    (found,) = adapter.find(ours, Prepared(), since)

    assert found.id == standin.public[0].id


def test_an_old_post_that_was_edited_just_now_is_not_ours(adapter, platform, standin, part, since):
    platform.wait(-timedelta(days=7))
    old = send(adapter, part(text="Pekan lalu."), platform)
    platform.wait(timedelta(days=7))
    edit(standin, old.id, part().text)

    assert list(adapter.find(part(), Prepared(), since)) == []


def test_a_post_below_an_old_one_that_was_edited_is_found(adapter, platform, standin, part, since):
    platform.wait(-timedelta(days=7))
    old = send(adapter, part(text="Pekan lalu."), platform)
    platform.wait(timedelta(days=7))
    lose(adapter, standin, ours := part())
    edit(standin, old.id, "Diubah.")

    assert [found.id for found in adapter.find(ours, Prepared(), since)] == [standin.public[-1].id]


def test_a_short_page_is_not_the_end(adapter, platform, standin, part, since, monkeypatch):
    monkeypatch.setattr(linkedin, "PAGE", 2)
    ours = send(adapter, part(), platform)
    for number in range(3):
        adapter.remove(send(adapter, part(text=f"Ditarik {number}"), platform))

    assert [found.id for found in adapter.find(part(), Prepared(), since)] == [ours.id]


def test_too_many_posts_to_read_are_no_proof_of_absence(adapter, platform, part, since, monkeypatch):
    monkeypatch.setattr(linkedin, "PAGE", 1)
    monkeypatch.setattr(linkedin, "PAGES", 2)
    for number in range(3):
        send(adapter, part(text=f"Antrean nomor {number}"), platform)

    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)


def test_nothing_to_recognise_is_no_proof_of_absence(adapter, part, since):
    with pytest.raises(Uncertain):
        adapter.find(part(text="https://padang.go.id/1"), Prepared(), since)


@pytest.mark.parametrize(
    "body", [{}, [], {"elements": None}, {"elements": ["x"]}, {"elements": [{}]}, {"elements": [{"createdAt": "x"}]}]
)
def test_a_listing_that_is_not_whole_proves_nothing(adapter, standin, part, since, body):
    standin.script("list", faults.reply(200, body))

    with pytest.raises((Uncertain, Unreachable)):
        adapter.find(part(), Prepared(), since)


@pytest.mark.parametrize(("state", "found"), [("PUBLISH_FAILED", 0), ("DRAFT", 0), ("PUBLISHED", 1)])
def test_only_a_published_post_is_a_proof(adapter, standin, part, since, state, found):
    now = int(datetime.now(UTC).timestamp() * 1000)
    post = {"id": "urn:li:share:7", "createdAt": now, "commentary": part().text, "lifecycleState": state}
    standin.script("list", faults.reply(200, {"elements": [post]}))

    assert len(adapter.find(part(), Prepared(), since)) == found


def test_a_post_that_linkedin_still_publishes_is_asked_after_later(adapter, standin, part, since):
    now = int(datetime.now(UTC).timestamp() * 1000)
    post = {"id": "urn:li:share:7", "createdAt": now, "commentary": part().text, "lifecycleState": "PUBLISH_REQUESTED"}
    standin.script("list", faults.reply(200, {"elements": [post]}))

    with pytest.raises(Uncertain):
        adapter.find(part(), Prepared(), since)


def test_urns_in_lists_are_encoded_and_the_list_itself_is_not(adapter, platform, part, caplog):
    caplog.set_level(logging.DEBUG, logger="urllib3.connectionpool")

    receipts = [send(adapter, part(text=f"Nomor {number}"), platform) for number in range(2)]
    adapter.measure(receipts)
    adapter.remove(receipts[0])

    encoded = [quote(receipt.id, safe="") for receipt in receipts]
    assert f"socialMetadata?ids=List({encoded[0]},{encoded[1]})" in caplog.text
    assert f"&shares=List({encoded[0]},{encoded[1]})" in caplog.text
    assert f"DELETE /rest/posts/{encoded[0]} " in caplog.text
    assert platform.standin.token not in caplog.text


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://www.linkedin.com/feed/update/urn:li:share:71/", "urn:li:share:71"),
        ("https://www.linkedin.com/feed/update/urn%3Ali%3AugcPost%3A72?utm=x", "urn:li:ugcPost:72"),
        ("https://www.linkedin.com/feed/update/urn:li:activity:73/", None),  # its number is another one
        ("https://www.linkedin.com/posts/humas-kota_padang-activity-74-abcd", None),
        ("https://padang.go.id/urn:li:share:75", None),
    ],
)
def test_the_post_is_known_by_an_address_only_where_its_urn_stands_in_there(url, found):
    receipt = LinkedIn.receipt_at(url)

    assert (receipt and receipt.id) == found


# Figures


def test_both_kinds_of_posts_are_measured_in_three_requests(adapter, platform, standin, part, film):
    receipts = [send(adapter, part(text=f"Nomor {number}"), platform) for number in range(3)]
    receipts.append(send(adapter, film, platform))
    platform.wait(timedelta(days=2))
    before = len(standin.journal)

    figures = adapter.measure(receipts)

    assert len(standin.journal) - before == 3
    for live in standin.public:
        told = standin.counts(live)
        assert figures[live.id].likes == told["likeCount"]
        assert figures[live.id].views == told["impressionCount"] > figures[live.id].reach > 0


def test_a_content_administrator_is_told_reactions_and_comments_alone(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    platform.wait(timedelta(days=2))
    standin.accounts[0] = replace(standin.accounts[0], role="CONTENT_ADMINISTRATOR")

    counts = adapter.measure([receipt])[receipt.id]

    assert counts.likes > 0
    assert (counts.views, counts.reach, counts.clicks, counts.shares) == (None, None, None, None)


def test_a_new_post_without_figures_is_not_gone_and_not_at_nought(adapter, platform, part):
    receipt = send(adapter, part(), platform)

    counts = adapter.measure([receipt])[receipt.id]

    assert (counts.views, counts.clicks) == (None, None)


def test_a_post_that_only_lacks_its_figures_is_not_gone(adapter, platform, standin, part):
    receipt = send(adapter, part(), platform)
    missing = {"results": {}, "statuses": {receipt.id: 404}, "errors": {receipt.id: {"status": 404}}}
    standin.script("measure", faults.reply(200, missing))

    assert Gone() not in adapter.measure([receipt]).values()


def test_figures_that_are_withdrawn_below_nought_are_not_known():
    assert linkedin._counts({}, {"likeCount": -1, "impressionCount": 7}) == Counts(
        views=7, raw={"likeCount": -1, "impressionCount": 7}
    )


# Errors


def refusal(status, code="", *, irrevocable=True, inputs=(), message="M", headers=None):
    body = {"message": message, "status": status, **({"code": code} if code else {})}
    if inputs:
        body["errorDetails"] = {"inputErrors": [{"description": "D", "code": code} for code in inputs]}
    return Answer(status, headers or {}, json.dumps(body).encode(), irrevocable)


SAYS = "Content is a duplicate of urn:li:share:712"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(422, inputs=["DUPLICATE_POST"], message=SAYS), Uncertain),
        (refusal(400, inputs=["DUPLICATE_POST"]), Uncertain),
        (refusal(422, message=SAYS), Uncertain),
        (refusal(422, inputs=["DUPLICATE_POST"], irrevocable=False), Unreachable),
        (refusal(409), Uncertain),
        (refusal(409, irrevocable=False), Unreachable),
        (refusal(426), Unauthorized),
        (refusal(400, "VERSION_MISSING"), Unauthorized),
        (refusal(403, "ACCESS_DENIED"), Unauthorized),
        (refusal(404), Refused),
        (refusal(400, "MEDIA_ASSET_WAITING_UPLOAD"), Unreachable),
        (refusal(400, "EXPIRED_UPLOAD_URL", irrevocable=False), Unreachable),
        (refusal(400, "MEDIA_ASSET_PROCESSING_FAILED"), Refused),
        (refusal(400, inputs=["FIELD_LENGTH_TOO_LONG"]), Refused),
        (refusal(422, inputs=["INVALID_URN_ID"], message=SAYS), Refused),  # where there are codes, words decide nothing
        (refusal(401, "EXPIRED_ACCESS_TOKEN"), type(None)),
        (refusal(429), type(None)),
        (refusal(500), type(None)),
        (Answer(400, {}, b"<h1>Bad Request</h1>", True), Refused),
        (Answer(422, {}, b'["x"]', True), Refused),
        (Answer(422, {}, b'{"errorDetails": {"inputErrors": ["x"]}}', True), Refused),
    ],
    ids=lambda one: f"{one.status}-{one.content[:80]!r}" if isinstance(one, Answer) else "",
)
def test_an_error_is_named_by_its_code(answer, error):
    assert isinstance(linkedin_refusals.translate(answer), error)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Unreachable), (401, Unreachable), (403, Unreachable), (410, Unreachable), (429, Throttled)],
)
def test_where_parts_are_stored_a_refusal_asks_for_a_new_address(status, error):
    named = linkedin_refusals.translate_storage(Answer(status, {"Retry-After": "20"}, b"", False))

    assert isinstance(named, error)
    assert not isinstance(named, Refused)


def test_staff_read_what_linkedin_says():
    assert "commentary is too long" in str(linkedin_refusals.translate(refusal(400, message="commentary is too long")))
