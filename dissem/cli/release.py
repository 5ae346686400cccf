"""Releases: from a file or options to an approved one, what each channel will be sent, and when."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem import i18n
from dissem.cli import shapes
from dissem.cli.command import Command, Commands
from dissem.cli.opening import desk, desk_at_one_moment, time_of
from dissem.cli.options import At, Channels, Limit, ReleaseNumber, channel_names
from dissem.cli.show import facts, fields, indented, show, table, word
from dissem.errors import DissemError, WrongInput, told
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.compose.post import Post
    from dissem.desk.acting import Acting
    from dissem.desk.draft import Draft, File
    from dissem.desk.releases import Shown
    from dissem.desk.uses import Uses
    from dissem.models import Channel, Release

app = Commands(_("Releases: add, edit, submit, approve."))

_OWNERS = "dissem.alt_owners"


class MediaCommand(Command):
    """Remembers which --media each --alt followed: typer collects them in two lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_OWNERS] = list(alt_owners(args))
        return super().parse_args(ctx, args)


def alt_owners(arguments: Sequence[str]) -> Iterator[int]:
    """For each --alt the place of the --media before it, -1 if there is none."""
    place, skip = -1, False
    for argument in arguments:
        option = "" if skip else argument.partition("=")[0]
        skip = not skip and argument in ("--media", "--alt")
        if option == "--media":
            place += 1
        elif option == "--alt":
            yield place


class ToCommand(Command):
    """Lets several names follow one --to."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(one_to_each(args)))


def one_to_each(arguments: Sequence[str]) -> Iterator[str]:
    """`--to a b` as `--to a --to b`; a number is the release, not a channel."""
    listing = value_follows = False
    for argument in arguments:
        if argument.startswith("-"):
            listing = value_follows = argument == "--to"
        elif listing and not value_follows and not argument.isdigit():
            yield "--to"
        else:
            value_follows = False
        yield argument


FileArgument = Annotated[
    Path | None, typer.Argument(metavar="FILE", help=_("Markdown with TOML front matter between lines of +++."))
]
Kind = Annotated[str | None, typer.Option(metavar="KIND", help=_("press_release, photo, infographic or video."))]
Title = Annotated[str | None, typer.Option(metavar="TEXT", help=_("Title."))]
Body = Annotated[str | None, typer.Option(metavar="TEXT", help=_("The text, as Markdown."))]
Media = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help=_("A photo or video; repeat for more, in order."))
]
Alt = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help=_("What the --media before it shows, for people who cannot see it.")),
]
Link = Annotated[str | None, typer.Option(metavar="URL", help=_("Where the whole text can be read."))]
Tag = Annotated[list[str] | None, typer.Option(metavar="WORD", help=_("A hashtag without #; repeat for more."))]
Language = Annotated[str | None, typer.Option(metavar="CODE", help=_("Language of the text, as id or en."))]
NotBefore = Annotated[str | None, typer.Option(metavar="TIME", help=_("Embargo: published nowhere before."))]
Until = Annotated[str | None, typer.Option(metavar="TIME", help=_("Latest useful time: not published after."))]
Urgent = Annotated[bool | None, typer.Option("--urgent/--not-urgent", help=_("Goes before everything else."))]
Shape = Annotated[
    str | None,
    typer.Option(metavar="WORD", help=_("For pictures of a shape that a platform does not take: pad, crop or refuse.")),
]
LinkFrom = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=_("The channel that goes first; the others show the link to its post.")),
]
AgencyCode = Annotated[str | None, typer.Option(metavar="CODE", help=_("The agency, if it is not your own."))]


@app.command("add", cls=MediaCommand, help=_("Add a release from a file, from options, or both; options win."))
def add(
    context: typer.Context,
    file: FileArgument = None,
    kind: Kind = None,
    title: Title = None,
    body: Body = None,
    media: Media = None,
    alt: Alt = None,
    link: Link = None,
    tag: Tag = None,
    language: Language = None,
    not_before: NotBefore = None,
    until: Until = None,
    urgent: Urgent = None,
    shape: Shape = None,
    link_from: LinkFrom = None,
    agency: AgencyCode = None,
) -> None:
    from dissem.desk import releases

    with desk() as acting:
        files = _files(context, media, alt)
        draft = _draft(
            acting,
            file,
            kind=kind,
            title=title,
            body=body,
            media=files,
            link=link,
            tags=tag,
            language=language,
            not_before=not_before,
            until=until,
            urgent=urgent,
            shape=shape,
            link_from=link_from,
            agency=agency,
        )
        added = releases.add(acting, draft)
        sentence = _("Release {release} is a draft: {title}", release=added.id, title=added.title)
        show(shapes.release(added, acting.installation.zone), sentence)


@app.command("edit", cls=MediaCommand, help=_("Change a release; it has to be submitted and approved again."))
def edit(
    context: typer.Context,
    number: ReleaseNumber,
    file: FileArgument = None,
    kind: Kind = None,
    title: Title = None,
    body: Body = None,
    media: Media = None,
    alt: Alt = None,
    link: Link = None,
    tag: Tag = None,
    language: Language = None,
    not_before: NotBefore = None,
    until: Until = None,
    urgent: Urgent = None,
    shape: Shape = None,
    link_from: LinkFrom = None,
    agency: AgencyCode = None,
) -> None:
    from dissem.desk import releases
    from dissem.desk.draft import Draft

    with desk() as acting:
        files = _files(context, media, alt)
        draft = _draft(
            acting,
            file,
            kind=kind,
            title=title,
            body=body,
            media=files,
            link=link,
            tags=tag,
            language=language,
            not_before=not_before,
            until=until,
            urgent=urgent,
            shape=shape,
            link_from=link_from,
            agency=agency,
        )
        if draft == Draft():
            raise WrongInput("Nothing is said to change.", hint="See: dissem release edit --help")
        edited = releases.edit(acting, number, draft)
        sentence = _("Release {release} was changed and is a draft again.", release=number)
        show(shapes.release(edited, acting.installation.zone), sentence)


def _draft(
    acting: "Acting",
    file: Path | None,
    *,
    kind: str | None,
    title: str | None,
    body: str | None,
    media: "tuple[File, ...] | None",
    link: str | None,
    tags: list[str] | None,
    language: str | None,
    not_before: str | None,
    until: str | None,
    urgent: bool | None,
    shape: str | None,
    link_from: str | None,
    agency: str | None,
) -> "Draft":
    """What the options say, over what *file* says."""
    from dissem.desk import draft

    now, zone = acting.now(), acting.installation.zone
    said = draft.Draft(
        kind=draft.kind(kind) if kind else None,
        title=title,
        body=body,
        tags=tuple(tag.lstrip("#") for tag in tags) if tags else None,
        link=draft.link(link) if link else None,
        language=language,
        urgent=urgent,
        not_before=time_of(not_before, acting.installation, now) if not_before else None,
        until=time_of(until, acting.installation, now) if until else None,
        shape=draft.shape(shape) if shape else None,
        link_from=link_from,
        agency=agency,
        media=media,
    )
    return said.over(draft.read(file.expanduser(), now=now, zone=zone)) if file else said


def _files(context: typer.Context, media: list[Path] | None, alts: list[str] | None) -> "tuple[File, ...] | None":
    from dissem.desk.draft import File

    texts: dict[int, str] = {}
    for place, text in zip(context.meta[_OWNERS], alts or [], strict=False):
        if place < 0 or place in texts:
            raise WrongInput(
                "An --alt belongs to no file: {alt}", hint="Write one --alt after the --media it describes.", alt=text
            )
        texts[place] = text
    return tuple(File(path.expanduser(), texts.get(n, "")) for n, path in enumerate(media)) if media else None


@app.command("list", help=_("Show the newest releases."))
def list_releases(
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help=_("draft, submitted, approved or rejected."))
    ] = None,
    limit: Limit = 50,
) -> None:
    from dissem.desk import releases

    with desk() as acting:
        rows = releases.listed(acting, state=_state(state) if state else None, limit=limit)
        text = table(
            [_("No."), _("State"), _("Kind"), _("Agency"), _("Title")],
            [(r.id, word(r.state), word(r.kind), r.agency, r.title) for r in rows],
            empty=_("There are no releases."),
        )
        show([shapes.release(row, acting.installation.zone) for row in rows], text)


@app.command("show", help=_("Show a release with its media, channels and approval."))
def show_release(number: ReleaseNumber) -> None:
    from dissem.desk import releases
    from dissem.desk.proofs import proofs

    with desk() as acting:
        found, zone = releases.show(acting, number), acting.installation.zone
        known = proofs(acting, [delivery.id or 0 for delivery, _channel in found.deliveries])
        data = {
            **shapes.release(found.release, zone),
            "author": found.people.get(found.release.author_id),
            "editor": found.people.get(found.release.editor_id),
            "media": [{**fields(attached, zone), **fields(facts, zone)} for attached, facts in found.media],
            "deliveries": [shapes.delivery(d, number, c, known.get(d.id or 0), zone) for d, c in found.deliveries],
            "approval": found.approval
            and {
                **fields(found.approval, zone),
                "approver": found.people.get(found.approval.approver_id),
            },
        }
        show(data, _described(acting, found))


@app.command("submit", help=_("Freeze what each channel will be sent, and ask for approval."))
def submit(number: ReleaseNumber) -> None:
    from dissem.desk import releases

    with desk() as acting:
        warnings = _warnings(acting, number)
        sentence = _("Release {release} waits for approval.", release=number)
        _moved(acting, releases.submit(acting, number), sentence, warnings)


@app.command("approve", help=_("Say yes to exactly what was submitted; never to one's own work."))
def approve(number: ReleaseNumber) -> None:
    from dissem.desk import releases

    with desk() as acting:
        sentence = _("Release {release} is approved and goes out at its time.", release=number)
        approved = releases.approve(acting, number)
        _moved(acting, approved, sentence, _warnings(acting, number))


@app.command("reject", help=_("Send a submitted release back."))
def reject(
    number: ReleaseNumber,
    reason: Annotated[str, typer.Option(metavar="TEXT", help=_("What the author should change."))],
) -> None:
    from dissem.desk import releases

    with desk() as acting:
        _moved(acting, releases.reject(acting, number, reason), _("Release {release} is rejected.", release=number))


@app.command("withdraw", help=_("Back to draft, as long as nothing is public."))
def withdraw(number: ReleaseNumber) -> None:
    from dissem.desk import releases

    with desk() as acting:
        _moved(acting, releases.withdraw(acting, number), _("Release {release} is a draft again.", release=number))


def preview(number: ReleaseNumber, channel: Channels = None) -> None:
    from dissem.desk import releases
    from dissem.desk.uses import uses

    with desk() as acting:
        posts = releases.preview(acting, number, channel or ())
        used = uses(acting, posts)
        data = [_previewed(to, post, used[to.name]) for to, post in posts]
        show(data, "\n\n".join(_page(one) for one in data))


def schedule(
    number: ReleaseNumber,
    at: At,
    to: Annotated[
        list[str],
        typer.Option(metavar="NAME", help=_("A channel; repeat for more."), autocompletion=channel_names),
    ],
) -> None:
    from dissem.desk import schedule as desk_of_times
    from dissem.desk.proofs import proofs

    with desk_at_one_moment() as acting:
        names = [name.strip() for listed in to for name in listed.split(",") if name.strip()]
        moment = time_of(at, acting.installation, acting.now())
        made, zone = desk_of_times.schedule(acting, number, names, moment), acting.installation.zone
        known = proofs(acting, [delivery.id or 0 for delivery, _channel in made])
        text = table(
            [_("No."), _("Channel"), _("State"), _("Due")],
            [(d.id, c.name, word(d.state), i18n.short_moment(d.due, zone)) for d, c in made],
            empty="",
        )
        show([shapes.delivery(d, number, c, known.get(d.id or 0), zone) for d, c in made], text)


schedule.command_class = ToCommand  # type: ignore[attr-defined]


def _moved(
    acting: "Acting", release: "Release", sentence: str, warnings: Sequence[dict[str, str]] | None = None
) -> None:
    data = shapes.release(release, acting.installation.zone)
    lines = [sentence, *(f"! {one['channel']}: {one['warning']}" for one in warnings or ())]
    show(data if warnings is None else {**data, "warnings": list(warnings)}, "\n".join(lines))


def _warnings(acting: "Acting", number: int) -> list[dict[str, str]]:
    """What `preview` warns of; nothing where it cannot be shown, which is no reason to refuse or to hide what was done.

    Not asked while the release waits for approval: that would be recorded as this person's look at it.
    """
    from dissem.desk import releases
    from dissem.models import ReleaseState

    try:
        if releases.show(acting, number).release.state is ReleaseState.SUBMITTED:
            return []
        posts = releases.preview(acting, number)
    except DissemError:
        return []
    return [{"channel": to.name, "warning": told(warning)} for to, post in posts for warning in post.warnings]


def _state(text: str) -> Any:
    from dissem.models import ReleaseState

    try:
        return ReleaseState(text.strip().lower())
    except ValueError:
        known = ", ".join(state.value for state in ReleaseState)
        raise WrongInput("There is no state {state}.", hint="States: {known}.", state=text, known=known) from None


def _described(acting: "Acting", found: "Shown") -> str:
    release, zone = found.release, acting.installation.zone
    leader = next((c.name for _delivery, c in found.deliveries if c.id == release.link_from), "")
    head = facts(
        {
            _("Release"): f"{release.id} · {release.title}",
            _("Kind"): word(release.kind) + (f" · {_('urgent')}" if release.urgent else ""),
            _("State"): word(release.state),
            _("Reason"): release.reason,
            _("Agency"): release.agency,
            _("Author"): found.people.get(release.author_id),
            _("Last edited by"): found.people.get(release.editor_id),
            _("Approved by"): found.approval and found.people.get(found.approval.approver_id),
            _("Link"): release.link or (_("of the post on {channel}", channel=leader) if leader else None),
            _("Hashtags"): " ".join(f"#{tag}" for tag in release.tags),
            _("Not before"): release.not_before and i18n.moment(release.not_before, zone),
            _("Until"): release.until and i18n.moment(release.until, zone),
        }
    )
    media = "\n".join(f"  {a.position}. {a.name} ({m.type}, {m.width}×{m.height}) {a.alt}" for a, m in found.media)
    deliveries = table(
        [_("No."), _("Channel"), _("State"), _("Due"), _("Reason")],
        [(d.id, c.name, word(d.state), i18n.short_moment(d.due, zone), told(d.reason)) for d, c in found.deliveries],
        empty=_("It is scheduled on no channel yet."),
    )
    return "\n\n".join(part for part in (head, indented(release.body), media, deliveries) if part)


# What each channel will be sent


def _previewed(channel: "Channel", post: "Post", used: "Uses") -> dict[str, Any]:
    from dissem.channels.registry import adapter_class
    from dissem.compose.post import shown

    kind = adapter_class(channel.platform)
    whole = [part.body if kind.facts.full else None for part in post.parts]
    return {
        "channel": channel.name,
        "platform": channel.platform,
        "parts": [{**part, "body": body} for part, body in zip(shown(post, kind), whole, strict=True)],
        "warnings": [told(warning) for warning in post.warnings],
        "price": round(used.price, 3),
        "posts_today": used.posts,
        "posts_a_day": used.most,
    }


def _page(one: dict[str, Any]) -> str:
    """One channel's post; only what is indented is sent."""
    head = f"== {one['channel']} ({one['platform']}) =="
    parts, recipients = _without_repeats(one["parts"])
    blocks = [_part(part, len(parts)) for part in parts]
    warnings = [f"! {warning}" for warning in one["warnings"]]
    return "\n\n".join(block for block in (head, *blocks, recipients, _cost(one), "\n".join(warnings)) if block)


def _without_repeats(parts: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """What goes to many recipients alike is shown once, with their addresses."""
    to = [part["recipient"] for part in parts if part["recipient"]]
    if not to:
        return parts, ""
    return parts[:1], _("To {number} recipients: {names}", number=i18n.number(len(to)), names=", ".join(to))


def _cost(one: dict[str, Any]) -> str:
    """What publishing it costs and uses up; nothing where it is free and without limit."""
    lines = []
    if one["price"]:
        lines.append(_("Costs {price} US dollars there.", price=i18n.decimal(one["price"], 3)))
    if one["posts_a_day"]:
        made, most = i18n.number(one["posts_today"]), i18n.number(one["posts_a_day"])
        lines.append(_("In the last 24 hours: {made} of {most} posts.", made=made, most=most))
    return "\n".join(lines)


def _part(part: dict[str, Any], of: int) -> str:
    counted = i18n.number(part["length"])
    if part["limit"] is None:
        length = _("{length} letters", length=counted)
    elif part["limit"] == 0:
        length = _("no text")
    else:
        length = _("{length} of {limit} letters", length=counted, limit=i18n.number(part["limit"]))
    head = _("Part {number} of {all}: {length}", number=part["number"], all=of, length=length)
    beside = facts(
        {
            _("Title"): part["title"],
            _("Link"): part["link"] and _with_link_named(part["link"]),
            _("Hashtags"): " ".join(f"#{tag}" for tag in part["tags"]),
        }
    )
    files = [
        f"  {file['name']} ({file['type']}, {file['width']}×{file['height']}) "
        + (_("shows: {alt}", alt=file["alt"]) if file["alt"] else _("without a description"))
        for file in part["attachments"]
    ]
    whole = _("And the whole text:") + "\n" + indented(part["body"]) if part["body"] else ""
    text = indented(_with_link_named(part["text"]))
    return "\n".join(block for block in (head, text, whole, beside, *files) if block)


def _with_link_named(text: str) -> str:
    """A link that is not known yet takes the longest place it may need; people are told what will stand there."""
    from dissem.compose.links import in_words

    return in_words(text, _("‹the link of the post that goes first›"))
