"""Making reports of the made-up city."""

from datetime import date, datetime

from made_up_city import JAKARTA
from sqlmodel import Session

from dissem.reports import periods
from dissem.reports.figures import Report
from dissem.reports.weekly import reported

LATER = date(2026, 12, 14)


def report_of(session: Session, label: str, *, printed: date = LATER, **said: object) -> Report:
    """The report of the week *label*, or of the month if it has no W in it."""
    made = periods.week if "W" in label else periods.month
    period = made(label, now=datetime(2026, 12, 14, 3, tzinfo=JAKARTA), zone=JAKARTA)
    return reported(session, period, zone=JAKARTA, office="Kota Padang", printed=printed, **said)  # type: ignore[arg-type]
