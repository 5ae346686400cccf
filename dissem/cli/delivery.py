"""The queue, and what people decide about one delivery."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem import i18n
from dissem.cli import shapes
from dissem.cli.command import Commands
from dissem.cli.opening import desk, desk_at_one_moment, time_of
from dissem.cli.options import At, Channels, DeliveryNumber, Limit
from dissem.cli.show import facts, fields, indented, show, table, word
from dissem.errors import WrongInput, told
from dissem.i18n import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dissem.desk.acting import Acting
    from dissem.desk.verdicts import Case
    from dissem.models import Channel, Delivery, Part, State

app = Commands(_("One release on one channel: look, cancel, retry, decide."))


def queue(
    state: Annotated[
        list[str] | None, typer.Option(metavar="STATE", help=_("Only this state; repeat for more."))
    ] = None,
    channel: Channels = None,
    limit: Limit = 50,
) -> None:
    from dissem.desk.proofs import proofs
    from dissem.desk.schedule import queue as waiting

    with desk() as acting:
        rows = waiting(acting, states=_states(state), names=channel or (), limit=limit)
        known, zone = proofs(acting, [delivery.id or 0 for delivery, *_others in rows]), acting.installation.zone
        text = table(
            [_("No."), _("Due"), _("State"), _("Channel"), _("Title"), _("Reason")],
            [(d.id, i18n.short_moment(d.due, zone), _state(d), c.name, r.title, told(d.reason)) for d, c, r in rows],
            empty=_("There is no delivery with that state.") if state else _("Nothing is waiting."),
        )
        show([shapes.delivery(d, r.id or 0, c, known.get(d.id or 0), zone) for d, c, r in rows], text)


@app.command("show", help=_("Everything known of a delivery, and what can be done."))
def show_delivery(number: DeliveryNumber) -> None:
    from dissem.desk import verdicts

    with desk() as acting:
        case, zone = verdicts.show(acting, number), acting.installation.zone
        proof = min(case.publications, key=lambda publication: publication.id or 0, default=None)
        data = {
            **shapes.delivery(case.delivery, case.release.id or 0, case.channel, proof, zone),
            "content": [part.post for part in case.parts],
            "attempt_log": [{**fields(a, zone), "detail": told(a.detail) or None} for a in case.attempts],
            "publications": shapes.publications(case.publications, zone),
        }
        show(data, _described(acting, case))


@app.command("cancel", help=_("Do not publish it; refused once it is being sent."))
def cancel(number: DeliveryNumber) -> None:
    from dissem.desk import schedule

    with desk() as acting:
        _moved(acting, schedule.cancel(acting, number), _("Delivery {delivery} is cancelled.", delivery=number))


@app.command("retry", help=_("Try again what surely is not public."))
def retry(number: DeliveryNumber) -> None:
    from dissem.desk import verdicts

    with desk() as acting:
        _moved(acting, verdicts.retry(acting, number), _("Delivery {delivery} is tried again.", delivery=number))


@app.command("reschedule", help=_("Another time; the release has to be approved again."))
def reschedule(number: DeliveryNumber, at: At) -> None:
    from dissem.desk import schedule

    with desk_at_one_moment() as acting:
        moment = time_of(at, acting.installation, acting.now())
        sentence = _("Delivery {delivery} has a new time. Submit its release again.", delivery=number)
        _moved(acting, schedule.reschedule(acting, number, moment), sentence)


@app.command("resolve", help=_("Your verdict on a held delivery, after you looked at the platform."))
def resolve(
    number: DeliveryNumber,
    published: Annotated[str | None, typer.Option(metavar="URL", help=_("It is there, at this address."))] = None,
    absent: Annotated[bool, typer.Option("--absent", help=_("It is surely not there."))] = False,
) -> None:
    from dissem.desk import verdicts

    if (published is None) is not absent:
        raise WrongInput("Say either --published URL or --absent.", hint="Look at the platform first.")
    with desk() as acting:
        sentence = _("Delivery {delivery} is decided.", delivery=number)
        _moved(acting, verdicts.resolve(acting, number, published=published), sentence)


@app.command("remove", help=_("Take a public post down."))
def remove(number: DeliveryNumber) -> None:
    from dissem.desk import verdicts

    with desk() as acting:
        _moved(acting, verdicts.remove(acting, number), _("The post of delivery {delivery} is gone.", delivery=number))


def _moved(acting: "Acting", changed: "tuple[Delivery, Channel]", sentence: str) -> None:
    from dissem.desk.proofs import proofs

    delivery, channel = changed
    proof = proofs(acting, [delivery.id or 0]).get(delivery.id or 0)
    data = shapes.delivery(delivery, delivery.release_id, channel, proof, acting.installation.zone)
    show(data, f"{sentence} {_('State: {state}.', state=_state(delivery))}")


def _state(delivery: "Delivery") -> str:
    state = word(delivery.state)
    return f"{state} ({word(delivery.held)})" if delivery.held else state


def _states(given: "Sequence[str] | None") -> "list[State]":
    from dissem.models import State

    try:
        return [State(one.strip().lower()) for text in given or () for one in text.split(",")]
    except ValueError:
        known = ", ".join(state.value for state in State)
        raise WrongInput(
            "There is no state {state}.", hint="States: {known}.", state=", ".join(given or ()), known=known
        ) from None


def _described(acting: "Acting", case: "Case") -> str:
    from dissem.models import Settled

    delivery, zone = case.delivery, acting.installation.zone
    head = facts(
        {
            _("Delivery"): delivery.id,
            _("Release"): f"{case.release.id} · {case.release.title}",
            _("Channel"): f"{case.channel.name} ({case.channel.platform}, {word(case.channel.state)})",
            _("State"): _state(delivery),
            _("Reason"): told(delivery.reason),
            _("Due"): i18n.moment(delivery.due, zone),
            _("Until"): i18n.moment(delivery.until, zone),
            _("Tried again"): i18n.moment(delivery.next_at, zone) if delivery.next_at > delivery.due else None,
            _("Published"): delivery.published and i18n.moment(delivery.published, zone),
            _("Link"): " ".join(publication.url or publication.remote_id for publication in case.publications),
            _("Left out"): ", ".join(_recipient(part) for part in case.parts if part.settled is Settled.REFUSED),
        }
    )
    attempts = table(
        [_("Attempt"), _("Part"), _("When"), _("Outcome")],
        [_attempt(case, attempt, zone) for attempt in case.attempts],
        empty=_("Nothing was sent yet."),
    )
    texts = (str(part.post.get("text") or part.post.get("title") or "") for part in case.parts)
    text = "\n\n".join(dict.fromkeys(texts))  # to many recipients goes the same
    return "\n\n".join(part for part in (head, indented(text), attempts) if part)


def _attempt(case: "Case", attempt: Any, zone: Any) -> tuple[object, ...]:
    numbers = {part.id: _recipient(part) or part.number for part in case.parts}
    said = " ".join(part for part in (_(attempt.outcome or "no answer yet"), told(attempt.detail)) if part)
    return attempt.number, numbers.get(attempt.part_id), i18n.short_moment(attempt.started, zone), said


def _recipient(part: "Part") -> str:
    """Whom a part is for, where each recipient gets one."""
    return str(part.post.get("recipient") or "")
