"""The audit record: who did what. Entries are chained by an HMAC whose key is not in the database."""

import hmac
import json
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dissem.models import AuditEntry

INSTALLATION = "dissem"  # the actor where no person acts
_LOCK = 7_305_513_001  # any number; one writer of the chain at a time on PostgreSQL


class Audit:
    """Writes and verifies the chain."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, session: Session, *, now: datetime, actor: str, action: str, on: str, **detail: Any) -> None:
        """Append an entry within the caller's transaction: what is not recorded does not happen."""
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
        number = last.id + 1 if last else 1
        fields: dict[str, Any] = {"at": now, "actor": actor, "action": action, "object": on, "detail": detail}
        session.add(AuditEntry(id=number, mac=self._mac(last.mac if last else "", number, fields), **fields))
        session.flush()

    def verify(self, session: Session) -> int | None:
        """Number of the first entry that was changed, or is missing; None if the record is whole as far as it goes."""
        before = ""
        query = select(AuditEntry).order_by(col(AuditEntry.id)).execution_options(yield_per=1000)
        with closing(session.exec(query)) as rows:
            for expected, entry in enumerate(rows, start=1):
                fields = {k: getattr(entry, k) for k in ("at", "actor", "action", "object", "detail")}
                if entry.id != expected or not hmac.compare_digest(entry.mac, self._mac(before, expected, fields)):
                    return expected
                before = entry.mac
        return None

    def _mac(self, before: str, number: int, fields: Mapping[str, Any]) -> str:
        plain = {**fields, "at": fields["at"].isoformat(), "id": number, "before": before}
        row = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hmac.new(self._key, row.encode(), "sha256").hexdigest()
