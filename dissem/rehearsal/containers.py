"""Two-step publishing as Instagram and Threads share it: containers that nobody sees, and media that everybody sees.

A container is made, works for a while (`IN_PROGRESS`), is ready (`FINISHED`) or failed (`ERROR`), and is published
once (`PUBLISHED`) or dies after a day (`EXPIRED`). What the two platforms name differently is left to their stand-ins.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

from dissem.rehearsal.container_tokens import LongTokens
from dissem.rehearsal.files import Stored
from dissem.rehearsal.graph_errors import bad_parameter, gone
from dissem.rehearsal.graph_parameters import Field, flag, moment
from dissem.rehearsal.standin import Account, Live, grown
from dissem.rehearsal.wire import Answer, Denied, Request

LIFE = timedelta(hours=24)
DAY = timedelta(days=1)
PAGING = {"limit", "since", "until", "after", "before"}


@dataclass
class Container:
    """`polls` is how many looks will still say that it works; `cause` is how it fails then, empty if it does not.
    `missing`: bytes of an upload that has not arrived."""

    id: str
    account: str
    kind: str
    made: datetime
    text: str = ""
    item: bool = False
    stored: tuple[Stored, ...] = ()
    children: tuple[str, ...] = ()
    reply_to: str | None = None
    polls: int = 0
    cause: str = ""
    missing: int = 0
    medium: str = ""

    def state(self, now: datetime) -> str:
        if self.medium:
            return "PUBLISHED"
        if now - self.made >= LIFE:
            return "EXPIRED"
        if self.missing or self.polls:
            return "IN_PROGRESS"
        return "ERROR" if self.cause else "FINISHED"

    def looked_at(self, now: datetime) -> str:
        """The state; each look brings the work one step on."""
        found = self.state(now)
        self.polls = max(self.polls - 1, 0) if not self.missing else self.polls
        return found


@dataclass
class Medium:
    """Something published. *kind* is its media type as the platform names it, *product* where it is shown."""

    id: str
    account: str
    kind: str
    text: str
    made: datetime
    shortcode: str
    permalink: str
    stored: tuple[Stored, ...] = ()
    children: tuple[str, ...] = ()
    reply_to: str | None = None
    product: str = ""


class ContainerDoor(LongTokens):
    """A Graph platform that publishes by containers.

    `processing_polls` is how many status reads of a container say `IN_PROGRESS`. `causes` are failures that wait for
    the containers made from now on, one each; an empty one lets its container succeed. `quota` is how many posts a day
    are taken, `elsewhere` how many the account has published by other means today.
    """

    me: Collection[str] = ()  # what an account may be called in a path besides its number
    kinds: Mapping[str, str] = {}  # media types by the type of the container, where they differ
    metric_ceilings: Mapping[str, int] = {}
    metric_delay = timedelta()  # a younger medium has no metrics yet: an empty list, not noughts

    def __init__(
        self,
        *,
        accounts: Iterable[Account],
        port: int = 0,
        now: Callable[[], datetime] | None = None,
        quota: int,
        first_number: int,
    ) -> None:
        super().__init__(accounts=accounts, port=port, now=now)
        self.processing_polls = 1
        self.causes: deque[str] = deque()
        self.quota = quota
        self.elsewhere = 0
        self._containers: dict[str, Container] = {}
        self._media: dict[str, Medium] = {}
        self._numbers = count(first_number)

    @property
    def account(self) -> str:
        """The id of the first account."""
        return str(self.accounts[0].id)

    @property
    def labels(self) -> set[str]:
        """Some operations share a path with others and are told apart by what a request says."""
        return super().labels | {"account", "status", "stage"}

    def _user_for(self, request: Request, *scopes: str) -> Account:
        """The account in the path, when the token is its own."""
        account = self._sign_in(request, *scopes)
        if request.params["user"] not in (*self.me, account.id):
            raise gone(request.params["user"], request.method.lower())
        return account

    # Containers

    def number(self) -> str:
        return str(next(self._numbers))

    def keep(self, container: Container) -> Container:
        """Take a new container in; its work begins."""
        container.polls = self.processing_polls
        container.cause = (self.causes.popleft() if self.causes else "") or container.cause
        self._containers[container.id] = container
        return container

    def container(self, account: Account, identity: str) -> Container | None:
        found = self._containers.get(identity)
        return found if found and found.account == account.id else None

    def items(self, account: Account, given: Mapping[str, str], most: int) -> list[Container]:
        """The finished items named in `children`, two to *most*."""
        names = [name for name in given.get("children", "").split(",") if name]
        if not 2 <= len(names) <= most:
            raise bad_parameter(f"Carousels take 2 to {most} items", 2207028)
        items = [self.container(account, name) for name in names]
        wrong = [name for name, item in zip(names, items, strict=True) if not (item and item.item)]
        if wrong or len(set(names)) < len(names):
            raise bad_parameter(f"Param children holds no item of a carousel: {wrong or names}")
        found = [item for item in items if item]
        for item in found:
            self.require_finished(item)
        return found

    def require_finished(self, container: Container) -> None:
        """Denied, in the platform's words, unless *container* is ready to be used."""
        raise NotImplementedError

    def unknown(self, identity: str) -> Denied:
        """The platform's words for a container that it does not know."""
        raise NotImplementedError

    def require_room(self, account: Account, container: Container) -> None:
        """Denied, in the platform's words, when the day's quota is used up."""
        raise NotImplementedError

    def shown_at(self, account: Account, medium: Medium) -> str:
        """The public address of a medium."""
        raise NotImplementedError

    def flip(self, request: Request, scope: str) -> Answer:
        """Make public what `creation_id` names."""
        account = self._user_for(request, scope)
        asked = self._arguments(request, {"creation_id"}).get("creation_id", "")
        made = self.container(account, asked)
        if made is None or made.item:
            raise self.unknown(asked)
        self.require_finished(made)
        self.require_room(account, made)
        return Answer(200, {"id": self._published(request, account, made).id})

    def medium_of(self, account: Account, made: Container) -> Medium:
        """What *made* becomes, not public yet."""
        number = self.number()
        children = tuple(self.number() for _ in made.children)
        stored = tuple(one for child in made.children for one in self._containers[child].stored) or made.stored
        kind = self.kinds.get(made.kind, made.kind)
        name, now = shortcode(number), self.clock()
        return Medium(number, account.id, kind, made.text, now, name, "", stored, children, made.reply_to)

    def _published(self, request: Request, account: Account, made: Container) -> Medium:
        medium = self.medium_of(account, made)
        medium.permalink = self.shown_at(account, medium)
        made.medium = medium.id
        self._media[medium.id] = medium
        shown = (medium.permalink, medium.text, medium.made, medium.stored, medium.reply_to)
        self.show(request, Live(account.id, medium.id, *shown))
        return medium

    def limits(self, account: Account) -> dict[str, Any]:
        """The day's quotas, with an id as every object has."""
        return {
            "id": account.id,
            "quota_usage": self.published_today(account),
            "config": {"quota_total": self.quota, "quota_duration": 86_400},
        }

    def told_limits(self, request: Request, scope: str, known: Collection[str] = ()) -> Answer:
        account = self._user_for(request, scope)
        shown = self.chosen("PublishingLimit", self.limits(account), self._fields(request, known))
        return Answer(200, {"data": [{name: value for name, value in shown.items() if name != "id"}]})

    def published_today(self, account: Account, *, replies: bool = False) -> int:
        """Posts of the last 24 hours, or replies, which have a quota of their own."""
        own = [m for m in self._media.values() if m.account == account.id and bool(m.reply_to) == replies]
        return (0 if replies else self.elsewhere) + sum(self.clock() - m.made < DAY for m in own)

    # Media

    def medium(self, account: Account, identity: str) -> Medium:
        found = self._media.get(identity)
        if found is None or found.account != account.id or not self.find(identity):
            raise gone(identity)
        return found

    def take_down(self, request: Request, account: Account, identity: str) -> None:
        self.medium(account, identity)
        del self._media[identity]
        self.hide(request, identity)

    def measured(self, medium: Medium, names: Sequence[str], living: Iterable[str]) -> dict[str, Any]:
        """Metrics of a medium; one dead or misspelt name fails them all."""
        if not names:
            raise bad_parameter("An invalid set of parameters: no metric was specified")
        for name in names:
            if name not in living:
                raise bad_parameter(f"metric[0] must be one of the following values: {', '.join(sorted(living))}")
        if self.clock() - medium.made < self.metric_delay:
            return {"data": []}
        return {"data": [self._metric(medium, name) for name in names]}

    def _metric(self, medium: Medium, name: str) -> dict[str, Any]:
        values = [{"value": self.grown(medium, name)}]
        return {"name": name, "period": "lifetime", "values": values, "id": f"{medium.id}/insights/{name}/lifetime"}

    def grown(self, medium: Medium, name: str) -> int:
        return grown(f"{medium.id} {name}", self.clock() - medium.made, self.metric_ceilings[name])

    # Reading

    def chosen(self, kind: str, values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
        """The wanted of *values*, always with the id; what is None is left out, an unknown name refused."""
        shown: dict[str, Any] = {}
        for wanted in fields:
            if wanted.name not in values:
                raise bad_parameter(f"Tried accessing nonexisting field ({wanted.name}) on node type ({kind})")
            value = values[wanted.name]
            value = value(wanted) if callable(value) else value
            if value is not None:
                shown[wanted.name] = value
        return {**shown, "id": values["id"]}

    def page(
        self, request: Request, media: Sequence[Medium], shown: Callable[[Medium], dict[str, Any]]
    ) -> dict[str, Any]:
        """One page of a listing, newest first, with `paging` as Graph gives it: absent when nothing is there."""
        since, until = moment(request.one("since"), "since"), moment(request.one("until"), "until")
        found = [m for m in media if (since is None or m.made >= since) and (until is None or m.made <= until)]
        limit = request.one("limit", "25") or ""
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise bad_parameter("Param limit must be a number from 1 to 100")
        cursors = [_cursor(one.id) for one in found]
        after = request.one("after") or ""
        start = cursors.index(after) + 1 if after in cursors else 0
        part, end = found[start : start + int(limit)], start + int(limit)
        if not part:
            return {"data": []}
        paging: dict[str, Any] = {"cursors": {"before": cursors[start], "after": cursors[start + len(part) - 1]}}
        if end < len(found):
            query = {name: values[-1] for name, values in request.query.items()} | {"after": paging["cursors"]["after"]}
            paging["next"] = f"{self.url}{request.path}?{urlencode(query)}"
        return {"data": [shown(one) for one in part], "paging": paging}

    def listed_media(self, request: Request, account: Account) -> list[Medium]:
        return [self._media[live.id] for live in self.listed(request, account.id)]


def item_asked(given: Mapping[str, str], kind: str, kinds: Iterable[str], text: str) -> bool:
    """Whether an item of a carousel is made; refused where its *kind* cannot be one, or it has a text of its own."""
    asked = flag(given, "is_carousel_item", False)
    if asked and kind not in kinds:
        raise bad_parameter(f"A {kind} cannot be an item of a carousel", 2207023)
    if asked and text:
        raise bad_parameter("Items of a carousel have no text of their own")
    return asked


def instant(moment: datetime) -> str:
    """A time as Graph writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def shortcode(number: str) -> str:
    """The short name in the address of a medium."""
    return base64.urlsafe_b64encode(int(number).to_bytes(8)).decode().rstrip("=")


def _cursor(identity: str) -> str:
    return base64.urlsafe_b64encode(identity.encode()).decode().rstrip("=")
