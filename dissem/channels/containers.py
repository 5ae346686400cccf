"""Publishing in two steps, as Instagram and Threads do it: containers that nobody sees, then one flip.

A container is the key to everything after a lost answer. It says itself whether it was published, and it is published
once at most, so the same one is flipped again. Its state never names the post, though: that is found in the account's
own list, by its words. A container dies after a day.
"""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import SecretStr

from dissem.channels.adapter import (
    Account,
    Adapter,
    Attachment,
    Certainty,
    Part,
    Prepared,
    Receipt,
    Seen,
    plain,
    same_text,
)
from dissem.channels.client import Answer, doubt
from dissem.channels.errors import ChannelError, NotYet, Refused, Stale, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.graph import Fault, Graph, Missing, NoRight
from dissem.channels.instagram_renewal import renewed
from dissem.channels.login import moment

LIFE = timedelta(hours=23)  # of a container's 24 hours, so that none dies in our hands
BRIEF = 10.0  # seconds for a read beside the one request that counts
POLL, POLL_VIDEO = timedelta(seconds=5), timedelta(seconds=30)  # between two looks at a container at work
FULL = timedelta(hours=1)  # until a full day's quota is asked after again; it frees itself post by post
MOST_FAILURES = 2  # containers of one part that fail before people have to change it

_READY = ("FINISHED", "PUBLISHED")
ABSENT = ("", "FINISHED", "ERROR", "EXPIRED")  # states in which nothing was published; empty: there is no container


class NotTaken(Unreachable):
    """The platform did not publish the container by this request; an earlier one may have."""


class Unknown(NotTaken):
    """The platform says that it knows no such container."""


class _Spoiled(Exception):
    """A container has failed, expired or vanished."""

    def __init__(self, state: str, says: str) -> None:
        super().__init__(state)
        self.state = state
        self.says = says


class ContainerAdapter(Adapter):
    """Everything about containers that does not depend on the platform."""

    graph: Graph
    profile: ClassVar[str]  # the address of an account, with a place for its {user} name
    create_edge: ClassVar[str]
    publish_edge: ClassVar[str]
    limit_edge: ClassVar[str]
    grant: ClassVar[str]  # what a renewal of the login is called
    state_fields: ClassVar[tuple[str, str]]  # the state of a container, and the words about it
    hopeless: ClassVar[str] = ""  # how words begin that tell of a failure which would come again

    class Settings(Adapter.Settings):
        """`renew` keeps up the token and moments about it, as seconds since 1970, which nobody enters."""

        account: str
        access_token: SecretStr
        access_token_ends: SecretStr | None = None
        access_token_refused: SecretStr | None = None  # a renewal, when nobody knew how old the token was; and of which

    # Who we are

    def check(self) -> Account:
        me = self.graph.get(self.settings.account, fields="id,username,name")
        user = str(me.member("username"))
        name = str(me.json().get("name") or user)
        return Account(str(me.member("id")), name, self.profile.format(user=user), expires=self.ends())

    def ends(self) -> datetime | None:
        """When the token ends, None if it does not or nobody knows."""
        return moment(self.settings.access_token_ends)

    @property
    def renews(self) -> bool:
        """Whether `renew` can keep this login up."""
        return True

    def renew(self) -> Mapping[str, SecretStr] | None:
        if not self.renews:
            return None
        return renewed(self.graph.api, self.grant, self.settings, alive=self.check, now=datetime.now(UTC))

    def own(self, edge: str, since: datetime, fields: str) -> list[Mapping[str, Any]]:
        """The account's own list on *edge*, back to *since*; Unreachable when it is not whole."""
        try:
            return list(self.graph.listed(f"{self.settings.account}/{edge}", since, fields=fields))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable("The platform's answer could not be read.") from error

    # What the platform has to say

    @abstractmethod
    def stage_item(self, attachment: Attachment) -> str:
        """Make a container for one file of several; answers with its id."""

    @abstractmethod
    def stage(self, part: Part, items: Sequence[str]) -> str:
        """Make the container that will be published, of *items* if there are several files; answers with its id."""

    @abstractmethod
    def alike(self, part: Part, since: datetime) -> Iterator[tuple[Mapping[str, Any], str]]:
        """Objects of the account's own list in the shape of *part*, and the words of each."""

    def made(self, **form: Any) -> str:
        """The id of a new container."""
        return str(self.making(**form).member("id"))

    def making(self, **form: Any) -> Answer:
        return self.graph.post(f"{self.settings.account}/{self.create_edge}", **form)

    def quota(self, part: Part) -> tuple[str, str]:
        """The fields that tell how many posts were published today, and how many may be."""
        return "quota_usage", "config"

    # Before it is public

    def certainty(self, part: Part) -> Certainty:
        return Certainty.STAGED

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """`items`: containers of single files; `container`: what will be published; `failures`: so many have failed."""
        try:
            for step in self._staged(part, prepared):
                prepared = step
                yield prepared
        except _Spoiled as lost:
            failures = prepared.get("failures", 0) + (lost.state == "ERROR")
            yield Prepared({"failures": failures})
            raise self._given_up(lost, failures) from lost

    def _staged(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if not prepared.get("container", ""):
            for step in self._itemised(part, prepared):
                prepared = step
                yield prepared
            for item in prepared.get("items"):
                self._await(item, part)
            container = self.stage(part, prepared.get("items"))
            prepared = prepared.having(container=container).until(datetime.now(UTC) + LIFE)
            yield prepared
        self._await(prepared.get("container"), part)

    def _itemised(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        if not prepared.get("items"):
            self._require_room(part)
        if len(part.attachments) < 2:
            return
        for attachment in part.attachments[len(prepared.get("items")) :]:
            item = self.stage_item(attachment)
            prepared = prepared.adding("items", item).until(datetime.now(UTC) + LIFE)
            yield prepared

    def _require_room(self, part: Part) -> None:
        """Throttled when the day's quota is used up; whoever may publish need not be allowed to ask."""
        usage, config = self.quota(part)
        try:
            told = self.graph.get(f"{self.settings.account}/{self.limit_edge}", fields=f"{usage},{config}")
            full = told.member("data", 0, usage) >= told.member("data", 0, config, "quota_total")
        except (Refused, NoRight, Unreachable, TypeError):
            return
        if full:
            raise Throttled(
                "{platform} takes no more posts of this account today.",
                retry_after=FULL,
                platform=self.facts.label,
            )

    def _await(self, container: str, part: Part) -> None:
        try:
            state, says = self._state(container)
        except Missing as gone:
            raise _Spoiled("missing", str(gone)) from gone
        if state == "IN_PROGRESS":
            video = any(a.is_video for a in part.attachments)
            raise NotYet(
                "{platform} is still working on the files.",
                retry_after=POLL_VIDEO if video else POLL,
                platform=self.facts.label,
            )
        if state not in _READY:
            raise _Spoiled(state, says)

    def _state(self, container: str, **options: Any) -> tuple[str, str]:
        """The container's state, and what is said about it."""
        state, words = self.state_fields
        answer = self.graph.get(container, fields=f"{state},{words}", **options)
        return str(answer.member(state) or "unknown"), str(answer.json().get(words) or "")[:300]

    def _given_up(self, lost: _Spoiled, failures: int) -> ChannelError:
        told: dict[str, Any] = {"platform": self.facts.label, "says": lost.says}
        if failures >= MOST_FAILURES or (self.hopeless and lost.says.startswith(self.hopeless)):
            return Refused(
                "{platform} cannot use the files: {says}",
                hint="Convert them (JPEG; MP4 with H.264 and AAC) and add them again.",
                **told,
            )
        return Unreachable("{platform} did not get ready what it was sent, so it is sent anew: {says}", **told)

    def address(self, attachment: Attachment) -> str:
        """Where the platform may fetch the file."""
        if attachment.url is None:
            raise Refused(
                "{platform} fetches files from a public address, and this installation has none for them.",
                hint="Set up a public media host, or leave this channel out.",
                platform=self.facts.label,
            )
        return attachment.url

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """The flip; the link is read afterwards, and is left out if that does not succeed at once."""
        container = prepared.get("container", "")
        try:
            answer = self.graph.post(
                f"{self.settings.account}/{self.publish_edge}", irrevocable=True, creation_id=container
            )
        except NotTaken as refusal:
            raise self._why_not(container, refusal) from refusal
        medium = str(answer.member("id"))
        return Receipt(medium, self._link(medium))

    def _why_not(self, container: str, refusal: NotTaken) -> ChannelError:
        """A container that was published before is refused as one that is not ready or not known: it tells itself."""
        told: dict[str, Any] = {"platform": self.facts.label}
        try:
            state, _says = self._state(container, total=BRIEF)
        except ChannelError:
            state = "unknown"
        if state == "IN_PROGRESS" or (state == "FINISHED" and not isinstance(refusal, Unknown)):
            return refusal
        if state in ABSENT:
            return Stale("{platform} has lost what was prepared, so it is prepared anew.", **told)
        return Uncertain("{platform} did not publish it now, perhaps because it did so before.", **told)

    def _link(self, medium: str) -> str | None:
        try:
            return str(self.graph.get(medium, fields="permalink", total=BRIEF).member("permalink"))
        except ChannelError:
            return None  # it is public whether or not its address can be read

    def confirm(self, receipt: Receipt) -> Receipt:
        return Receipt(receipt.id, receipt.url or self._link(receipt.id), receipt.also)

    # Is it there?

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """By its words in the account's own list, whatever the container says; absent only if both say so."""
        state = self.last_word(prepared)
        try:
            found = [one for one, words in self.alike(part, since) if _says(part.text, words)]
            receipts = [Receipt(str(one["id"]), one.get("permalink")) for one in found]
        except (ChannelError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise Uncertain("{platform} did not tell whether the post is there.", platform=self.facts.label) from error
        if receipts or state in ABSENT:
            return receipts
        if state == "PUBLISHED":
            raise Uncertain("{platform} has published it and does not list it yet.", platform=self.facts.label)
        raise Uncertain("{platform} did not tell whether the post is there.", platform=self.facts.label)

    def last_word(self, prepared: Prepared) -> str:
        """The container's state; one that cannot be read proves nothing: published ones have been seen to hide."""
        container = prepared.get("container", "")
        if not container:
            return ""
        try:
            return self._state(container)[0]
        except ChannelError:
            return "unknown"

    # Afterwards

    def remove(self, receipt: Receipt) -> None:
        try:
            answer = self.graph.delete(receipt.id)
        except Missing:
            self._require_gone(receipt)
            return
        if answer.member("success") is not True:
            raise Unreachable("{platform} did not say that the post is removed.", platform=self.facts.label)

    def _require_gone(self, receipt: Receipt) -> None:
        """Where a login may not remove posts, Graph says the same as of a post that is not there."""
        try:
            self.graph.get(receipt.id, fields="id")
        except Missing:
            return
        raise Refused(
            "{platform} does not let this login remove posts.",
            hint="Remove it there by hand.",
            platform=self.facts.label,
        )


def seen(medium: Mapping[str, Any], words: str = "") -> Seen:
    """A medium of a list, which names its moment."""
    at = datetime.fromisoformat(str(medium["timestamp"]))
    return Seen(str(medium["id"]), at, medium.get("permalink"), str(medium.get(words) or ""))


# Refusals that both platforms word alike

BLOCKED, NOT_FETCHED = 2207051, 2207052


def refusal_alike(answer: Answer, found: Fault, *, lost: Collection[int], restricted: int) -> ChannelError | None:
    """By subcode; *lost* and *restricted* are the platform's own, for a container it does not know and for an account
    that may not act. None: it is none of these."""
    told, subcode = found.told, found.subcode
    if subcode == NOT_FETCHED:
        return doubt(answer.irrevocable, "{platform} could not fetch the file from its public address.", **told)
    if subcode in lost:
        kind = Unknown if answer.irrevocable else Missing
        return kind("{platform} does not know what was prepared (any more).", **told)
    if subcode == BLOCKED and answer.irrevocable:  # seen of posts that are public
        return Uncertain(
            "{platform} says that it blocked the post, which it has said of posts that are public.", **told
        )
    if subcode in (BLOCKED, restricted):
        hint = "Log in at {platform} and look at the account's notices; wait some hours."
        return Unauthorized("{platform} does not let this account act: {says}", hint=hint, **told)
    return None


def _says(ours: str, theirs: str) -> bool:
    """Whether *theirs* are our words; where nothing but links is said, letter for letter."""
    return same_text(ours, theirs) and (bool(plain(ours)) or ours.strip() == theirs.strip())
