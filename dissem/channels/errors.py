"""What may go wrong at a platform, named after what dissem does next.

ChannelError
├── Refused        the platform says no; staff must change the release
│   └── NoRecipient  this one address takes nothing: it is left out from now on, the others are not affected
├── Unauthorized   the account may not act (login, right, suspension, unpaid bill): the channel is paused
├── Throttled      the call was not executed; try again after `retry_after`
├── Unreachable    surely nothing became public; try again later
│   └── Stale      what was prepared is lost at the platform: prepare it anew
├── NotYet         the same step again after `retry_after`; counts as no try
└── Uncertain      it may be public already: look before trying again

On `publish` only proof of "not accepted" may be anything but Uncertain. A refusal *as a duplicate* is Uncertain too:
it says that something like it is there.
"""

from datetime import timedelta

from dissem.errors import DissemError


class ChannelError(DissemError):
    """Base of everything an adapter raises on purpose."""

    def __init__(self, text: str, *, hint: str = "", retry_after: timedelta | None = None, **values: object) -> None:
        super().__init__(text, hint=hint, **values)
        self.retry_after = retry_after


class Refused(ChannelError):
    """The platform says no to this content; the same request would be refused again."""


class NoRecipient(Refused):
    """One recipient of many cannot be reached at this address; nothing is wrong with the release."""


class Unauthorized(ChannelError):
    """The account may not act until a person has seen to it."""


class Throttled(ChannelError):
    """Not executed, too many requests; *retry_after* is what the platform asked for, None if it did not say."""


class Unreachable(ChannelError):
    """The request certainly had no public effect."""


class Stale(Unreachable):
    """What was prepared has expired or was lost at the platform; the steps have to be taken anew."""


class NotYet(ChannelError):
    """The platform is still working on the step before; ask again after *retry_after*."""


class Uncertain(ChannelError):
    """The request may have had its effect."""
