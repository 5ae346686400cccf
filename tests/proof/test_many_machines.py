"""Several machines on one PostgreSQL: whichever dies or is cut off, each post is there once."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from machines import ENGINES, QUICK, WHOLE, limit, measured, run
from relay import relaying
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from dissem.errors import Conflict
from dissem.store.database import Database

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
@pytest.mark.parametrize("engine", ENGINES)
def test_a_machine_that_is_cut_off_amid_its_work_costs_no_post_and_repeats_none(
    engine: str, database_url: str, tmp_path: Path
) -> None:
    found = run(engine, QUICK, database_url, tmp_path)

    assert found.holds(QUICK), found


@pytest.mark.proof
@pytest.mark.parametrize("engine", ENGINES)
def test_of_three_groups_one_is_killed_and_one_cut_off_and_each_post_is_there_once(
    engine: str, record_property: Callable[[str, object], None]
) -> None:
    before, calm, after = limit(WHOLE), measured(engine, WHOLE.unharmed), limit(WHOLE)
    harmed = measured(engine, WHOLE)

    share = (before + after) / 2 / calm.seconds
    record_property(f"{engine}, share of the limit", f"{share:.2f} (bare {before:.1f} and {after:.1f} s, {calm})")
    record_property(f"{engine}, one group killed and one cut off", str(harmed))
    assert calm.holds(WHOLE), calm
    assert harmed.holds(WHOLE), harmed


@on_postgresql
def test_a_machine_that_is_cut_off_in_a_transaction_keeps_its_rows_locked_for_a_while_only(database_url: str) -> None:
    server = make_url(database_url)
    with relaying(f"{server.query['host']}/.s.PGSQL.5432") as line:
        options = {"options": "-c idle_in_transaction_session_timeout=200ms"}
        url = server.set(host="127.0.0.1", port=line.port, query=options).render_as_string(hide_password=False)
        theirs, ours = Database(url), Database(database_url)
        with pytest.raises(OperationalError), theirs.write() as session:
            session.execute(text("LOCK TABLE delivery IN EXCLUSIVE MODE"))
            line.falls_silent()

            with ours.write() as other:
                other.execute(text("SET LOCAL lock_timeout = '20s'"))
                other.execute(text("LOCK TABLE delivery IN EXCLUSIVE MODE"))

            line.process.kill()
        theirs.close()
        ours.close()


@on_postgresql
def test_who_stood_still_in_a_transaction_is_told_so_in_a_sentence(database_url: str) -> None:
    patience = "idle_in_transaction_session_timeout=20ms"
    database = Database(f"{database_url}&options={quote(f'-c {patience}')}")

    with pytest.raises(Conflict, match="stood still"), database.write() as session:
        session.execute(text("SELECT 1"))
        time.sleep(0.1)
        session.execute(text("SELECT 1"))

    database.close()


@on_postgresql
def test_every_connection_gives_up_a_transaction_that_stands_still(database_url: str) -> None:
    database = Database(database_url)

    with database.read() as session:
        given = session.execute(text("SHOW idle_in_transaction_session_timeout")).scalar()

    database.close()
    assert given == "30s"
