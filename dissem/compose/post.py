"""Release + channel → Post: what is published, to the letter and the byte. Preview and submit ask the same function.

Whatever is lost on the way to a platform (a picture too many, the end of a text) is told in a warning, in one sentence.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from dissem.channels.adapter import Adapter, Attachment, Facts, Part
from dissem.compose.attach import Files, Made, Picture, chosen
from dissem.compose.text import MORE, PARAGRAPH, from_markdown, hashtag, one_line, shorten, split
from dissem.errors import DissemError, WrongInput
from dissem.models.release import Kind, Release

SUMMARY = 300  # letters of the text beside a whole body, where the platform names no limit
LONG_CHAIN = 5  # parts; a longer chain is worth a warning

_KEYS = UUID("0b8f8a5e-6b64-5c0e-9d7c-64697373656d")


@dataclass(frozen=True)
class Post:
    """What a channel is asked to publish. *warnings* are reasons as `dissem.errors.told` reads them; *names* gives the
    file name that people know for the SHA-256 of an attachment."""

    parts: tuple[Part, ...]
    warnings: tuple[dict[str, Any], ...] = ()
    made: tuple[Made, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


def compose(
    release: Release,
    pictures: Sequence[Picture],
    *,
    agency: str,
    kind: type[Adapter],
    folder: Path,
    seed: str,
    link: str | None = None,
    recipients: Sequence[str] = (),
) -> Post:
    """The post of *release* with *pictures*, in their order, for a channel that *kind* speaks for.

    The same input gives the same parts, keys included, whenever it is asked. Files are read from and written to the
    media *folder*. *agency* is the office's name; *seed* names release and channel. Texts always fit; WrongInput is
    raised for what only people can mend: no picture where there must be one, a video the platform does not take.
    *link* stands in for the release's own; *recipients* are whom the channel writes to, where each gets a part.
    """
    link = link or release.link or ""
    facts, warnings = kind.facts, list[DissemError]()
    files = Files(folder, kind, warnings, release.shape)
    attachments = files.every(chosen(release, pictures, facts, warnings))
    words, texts = _told(_words(release, kind, link, warnings), link, kind, facts.limit(attachments), warnings)
    if not (texts[0] or attachments or facts.titled):
        raise WrongInput("The release has neither a text nor a picture for {platform}.", platform=facts.label)
    whole = Part(
        key="",
        kind=Kind(release.kind).value,
        title=_title(release, kind, warnings),
        text="",
        body=release.body,
        tags=_bare(release.tags) if facts.tags == "field" else words.tags,
        link=(link if facts.link == "field" else words.link) or None,
        language=release.language,
        created=release.created.astimezone(UTC),
        agency=agency,
    )
    parts = [replace(whole, text=text, attachments=() if n else attachments) for n, text in enumerate(texts)]
    if facts.recipients:
        parts = _to_each(parts[0], recipients, facts)
    _require_room(parts, kind)
    _require_no_objection(parts[0], kind)
    return Post(
        tuple(_keyed(part, seed, number) for number, part in enumerate(parts, 1)),
        tuple(warning.reason() for warning in warnings),
        tuple(files.made.values()),
        files.names,
    )


def shown(post: Post, kind: type[Adapter]) -> list[dict[str, Any]]:
    """The parts of *post* as JSON for people: what is sent, and its length beside the limit (None: no limit)."""
    return [
        {
            "number": number,
            "recipient": part.recipient,
            "title": part.title,
            "text": part.text,
            "length": kind.length(part.text),
            "limit": kind.facts.limit(part.attachments),
            "link": part.link,
            "tags": list(part.tags),
            "attachments": [_shown_file(attachment, post.names) for attachment in part.attachments],
        }
        for number, part in enumerate(post.parts, 1)
    ]


def _shown_file(attachment: Attachment, names: Mapping[str, str]) -> dict[str, Any]:
    plain = ("sha256", "type", "size", "width", "height", "duration", "alt")
    name = names.get(attachment.sha256, attachment.path.name)
    return {"name": name, **{fact: getattr(attachment, fact) for fact in plain}}


def _to_each(part: Part, recipients: Sequence[str], facts: Facts) -> list[Part]:
    if not recipients:
        raise WrongInput(
            "The channel on {platform} has nobody to write to.",
            hint="Name them: dissem channel edit NAME --set recipients=…",
            platform=facts.label,
        )
    return [replace(part, recipient=recipient) for recipient in recipients]


def _require_no_objection(part: Part, kind: type[Adapter]) -> None:
    objection = kind.objection(part)
    if objection:
        raise WrongInput(objection.text, hint=objection.hint_text, **objection.values)


def _keyed(part: Part, seed: str, number: int) -> Part:
    """With the key that this content has at this place, and no other content or place."""
    content = {**part.frozen(), "key": ""}
    return replace(part, key=str(uuid5(_KEYS, json.dumps([seed, number, content], sort_keys=True))))


# Text


@dataclass(frozen=True)
class _Words:
    """What goes into the text of a post; empty: nothing of it."""

    title: str
    body: str
    link: str
    tags: tuple[str, ...]

    def joined(self, **changes: Any) -> str:
        """One below the other, with *changes*."""
        if changes:
            return replace(self, **changes).joined()
        tags = " ".join(f"#{tag}" for tag in self.tags)
        return PARAGRAPH.join(block for block in (self.title, self.body, self.link, tags) if block)


def _words(release: Release, kind: type[Adapter], link: str, warnings: list[DissemError]) -> _Words:
    facts = kind.facts
    title = one_line(release.title)
    return _Words(
        title="" if facts.titled else title,
        body=_without_title(from_markdown(release.body), title),
        link="" if facts.link == "field" else link,
        tags=() if facts.tags == "field" else _hashtags(release.tags, warnings),
    )


def _without_title(body: str, title: str) -> str:
    """*body* without a first paragraph that only says the title again."""
    first, _, rest = body.partition(PARAGRAPH)
    return rest.lstrip() if one_line(first).casefold() == title.casefold() else body


def _hashtags(tags: Sequence[str], warnings: list[DissemError]) -> tuple[str, ...]:
    made: dict[str, str] = {}
    for tag in tags:
        word = hashtag(tag)
        if word:
            made.setdefault(word.casefold(), word)
        else:
            warnings.append(
                DissemError("“{tag}” is left out: it cannot be a hashtag.", hint="A hashtag needs a letter.", tag=tag)
            )
    return tuple(made.values())


def _bare(tags: Sequence[str]) -> tuple[str, ...]:
    """*tags* as people wrote them, for a platform with a field for them."""
    named = (one_line(tag.strip().lstrip("#")) for tag in tags)
    return tuple(dict.fromkeys(name for name in named if name))


def _require_room(parts: Sequence[Part], kind: type[Adapter]) -> None:
    """The promise that every text fits, kept by a check: a platform would cut or refuse it after the approval."""
    for part in parts:
        limit = kind.facts.limit(part.attachments)
        if limit is not None and kind.length(part.text) > limit:
            raise AssertionError(f"a text of {kind.length(part.text)} was composed for a limit of {limit}")


def _title(release: Release, kind: type[Adapter], warnings: list[DissemError]) -> str:
    title, most = one_line(release.title), kind.facts.title
    if most is None or len(title) <= most:
        return title
    warnings.append(
        DissemError(
            "The title is shortened for {platform}: it takes {most} characters.",
            hint="Give the release a shorter title.",
            platform=kind.facts.label,
            most=most,
        )
    )
    return shorten(title, most, len)


def _told(
    words: _Words, link: str, kind: type[Adapter], limit: int | None, warnings: list[DissemError]
) -> tuple[_Words, list[str]]:
    """The texts, each within its limit, and the words that are left in them."""
    facts = kind.facts
    if limit == 0:
        return _Words("", "", "", ()), [""]
    if facts.full:
        return words, [shorten(words.body or words.title, SUMMARY if limit is None else limit, kind.length)]
    if limit is None or kind.length(words.joined()) <= limit:
        return words, [words.joined()]
    if facts.threads and not link:
        return words, _chain(words, kind, limit, warnings)
    if not link:
        warnings.append(
            DissemError(
                "{platform} does not show the end of the text.",
                hint="Give the release a link to the whole text, or shorten it.",
                platform=facts.label,
            )
        )
    cut = _cut(words, kind, limit, warnings)
    return cut, [cut.joined()]


def _chain(words: _Words, kind: type[Adapter], limit: int, warnings: list[DissemError]) -> list[str]:
    """The whole text in parts; where a caption is too short for it, it follows below the pictures with their title."""
    facts, whole = kind.facts, words.joined()
    texts = []
    if limit != facts.text:
        texts, limit = [shorten(words.title or whole, limit, kind.length)], facts.text or kind.length(whole)
    texts += split(whole, limit, kind.length)
    if len(texts) > LONG_CHAIN:
        warnings.append(
            DissemError(
                "On {platform} the release becomes a chain of {parts} posts.",
                hint="Give it a link to the whole text, then one shortened post is enough.",
                platform=facts.label,
                parts=len(texts),
            )
        )
    return texts


def _cut(words: _Words, kind: type[Adapter], limit: int, warnings: list[DissemError]) -> _Words:
    """*words* within *limit*: the body is shortened. Only where the title finds no room do hashtags give way, the last
    one first, and then the end of the title; the link is left out only if not even the mark fits beside it."""
    length = kind.length
    least = MORE if words.body else ""
    if words.link and length(words.joined(title=MORE, body="", tags=())) > limit:
        words = _without_link(words, kind, warnings)
    words = _fewer_tags(words, lambda tags: length(words.joined(body=least, tags=tags)) <= limit, kind, warnings)
    if length(words.joined(body=least)) > limit:
        heading = f"{words.title} {least}".rstrip()  # the mark also says that there is more than the title
        title = shorten(heading, limit, lambda title: length(words.joined(title=title, body="")))
        return replace(words, title=title, body="")
    return replace(words, body=shorten(words.body, limit, lambda body: length(words.joined(body=body))))


def _without_link(words: _Words, kind: type[Adapter], warnings: list[DissemError]) -> _Words:
    warnings.append(
        DissemError(
            "The link is too long for {platform} and left out.",
            hint="Use a shorter address.",
            platform=kind.facts.label,
        )
    )
    return replace(words, link="")


def _fewer_tags(
    words: _Words, fits: Callable[[tuple[str, ...]], bool], kind: type[Adapter], warnings: list[DissemError]
) -> _Words:
    kept = words.tags
    while kept and not fits(kept):
        kept = kept[:-1]
    if len(kept) < len(words.tags):
        warnings.append(
            DissemError(
                "{platform} has no room for these hashtags: {tags}.",
                hint="Use fewer hashtags or a shorter title.",
                platform=kind.facts.label,
                tags=" ".join(words.tags[len(kept) :]),
            )
        )
    return replace(words, tags=kept)
