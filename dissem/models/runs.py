"""What the clock has started, and which daemons are alive."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from dissem.models.columns import document


class JobRun(SQLModel, table=True):
    """One planned run of a job. Unique a planned time, so that it happens once however many daemons are there; a run
    whose lease ended without an end is taken again."""

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "planned", name="one_run_a_time"),)

    id: int | None = Field(default=None, primary_key=True)
    job: str
    planned: datetime
    owner: str
    lease_until: datetime
    started: datetime
    finished: datetime | None = None
    ok: bool | None = None
    detail: dict[str, Any] | None = Field(default=None, sa_column=document(nullable=True))


class Daemon(SQLModel, table=True):
    """A process that carries deliveries out. *beat* is its last sign of life that reached the database: without one for
    long, others take its lanes over (`dissem.queue.silence`)."""

    owner: str = Field(primary_key=True)
    host: str
    pid: int
    started: datetime
    beat: datetime
    ended: datetime | None = None
