"""What an engine is: something that runs the queue. The claim on the row decides; an engine only finds the time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from threading import Event

Tick = Callable[[datetime], None]


class Engine(ABC):
    """Carries out due deliveries until told to stop."""

    @abstractmethod
    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        """Work until *stop* is set, or with *until_idle* until nothing is in hand, in doubt, or due within a minute.

        *tick* is called after every look at the database that succeeded. After *stop*, what is in hand is finished.
        """
