"""What an engine is: something that runs the queue. The claim on the row decides; an engine only finds the time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol

Tick = Callable[[datetime], None]


class Waking(Protocol):
    """What an engine sleeps by."""

    def wait(self, longest: timedelta, stop: Event) -> None:
        """Return when there may be something to do, *stop* is set, or *longest* is over."""

    def close(self) -> None:
        """Wait no more."""


class Engine(ABC):
    """Carries out due deliveries until told to stop."""

    @abstractmethod
    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        """Work until *stop* is set, or with *until_idle* until nothing is in hand, in doubt, or due within a minute.

        *tick* is called after every look at the database that succeeded. After *stop*, what is in hand is finished.
        """
