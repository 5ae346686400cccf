"""The tables, and the one transition table of a Delivery. Importing this package registers every table."""

from dissem.models.audit import AuditEntry
from dissem.models.channel import Channel, ChannelState
from dissem.models.delivery import (
    ApprovedDelivery,
    Attempt,
    Delivery,
    Part,
    Publication,
    Settled,
    Suppression,
)
from dissem.models.engagement import (
    AccountDay,
    Engagement,
    EngagementDay,
    EngagementHour,
    EngagementPeriod,
    ForeignPost,
    Reading,
    ReleasePeriod,
)
from dissem.models.life import Evidence, Held, Move, Situation, State, move
from dissem.models.people import Agency, Person, Role
from dissem.models.release import Approval, Kind, Media, Release, ReleaseMedia, ReleaseState, Shape
from dissem.models.report import CopyState, ReportCopy
from dissem.models.runs import Daemon, JobRun

__all__ = [
    "AccountDay",
    "Agency",
    "Approval",
    "ApprovedDelivery",
    "Attempt",
    "AuditEntry",
    "Channel",
    "ChannelState",
    "CopyState",
    "Daemon",
    "Delivery",
    "Engagement",
    "EngagementDay",
    "EngagementHour",
    "EngagementPeriod",
    "Evidence",
    "ForeignPost",
    "Held",
    "JobRun",
    "Kind",
    "Media",
    "Move",
    "Part",
    "Person",
    "Publication",
    "Reading",
    "Release",
    "ReleaseMedia",
    "ReleasePeriod",
    "ReleaseState",
    "ReportCopy",
    "Role",
    "Settled",
    "Shape",
    "Situation",
    "State",
    "Suppression",
    "move",
]
