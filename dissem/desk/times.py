"""When a release is due somewhere, and how long it is worth publishing."""

from datetime import datetime, timedelta
from typing import Any

from dissem.config import Windows
from dissem.errors import WrongInput
from dissem.models import Release


def times(release: Release, at: datetime, windows: Windows) -> dict[str, Any]:
    """Columns of a delivery of *release* that is due *at*. Raises WrongInput if that contradicts the release."""
    if release.not_before and at < release.not_before:
        raise WrongInput("The time lies before the embargo ends.", hint="Choose a later time, or edit --not-before.")
    until = release.until or at + window(release, windows)
    if until <= at:
        raise WrongInput("The time lies after the release's latest useful time.", hint="Choose an earlier time.")
    return {"due": at, "until": until, "not_before": release.not_before, "urgent": release.urgent}


def window(release: Release, windows: Windows) -> timedelta:
    """How long after its due time *release* is still worth publishing, unless it says until when."""
    found: timedelta = windows.urgent if release.urgent else getattr(windows, release.kind.value)
    return found
