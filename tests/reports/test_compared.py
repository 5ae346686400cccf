"""Two periods side by side: what each had, and the difference."""

import json

from made_up_city import SMALL, City
from report_maker import report_of
from sqlmodel import Session

from dissem.reports.compared import ROWS, Compared, Pair
from dissem.reports.page_compared import page
from dissem.reports.render import render

CITY = City(SMALL)


def of(session: Session, one: int = 10, other: int = 9) -> Compared:
    return Compared(report_of(session, CITY.week(one)), report_of(session, CITY.week(other)))


def test_a_figure_that_is_unavailable_in_one_of_them_has_no_change() -> None:
    assert (Pair(5, 3).change, Pair(None, 3).change, Pair(5, None).change) == (2, None, None)


def test_every_row_of_either_period_stands_there_with_the_figures_of_both(settled: Session) -> None:
    compared = of(settled)

    for table, names in ROWS.items():
        now, then = (
            {tuple(getattr(row, name) for name in names): row for row in getattr(report, table)}
            for report in (compared.now, compared.then)
        )
        rows = {tuple(row.named.values()): row.figures for row in compared.rows(table)}
        assert rows.keys() == now.keys() | then.keys()
        for key, figures in rows.items():
            assert figures["interactions"].now == (now[key].interactions if key in now else None)
            assert figures["interactions"].then == (then[key].interactions if key in then else None)
            assert figures["published"].then == (then[key].published if key in then else 0)
            assert figures["views"].now == (now[key].gained["views"] if key in now else None)


def test_the_glance_of_the_week_before_is_what_that_week_says_of_itself(settled: Session) -> None:
    compared = of(settled)

    assert {name: compared.glance[name].then for name in ("views", "published", "failures")} == {
        one.name: one.now for one in compared.then.glance if one.name in ("views", "published", "failures")
    }
    assert compared.glance["views"].change == next(one.change for one in compared.now.glance if one.name == "views")


def test_json_has_both_and_the_change(settled: Session) -> None:
    told = json.loads(render(of(settled), "json"))

    assert (told["week"], told["compared"]["week"]) == (CITY.week(10), CITY.week(9))
    views = told["glance"]["views"]
    assert views["change"] == views["now"] - views["then"]
    assert {"channel", "platform", "agency", "published", "views", "interactions", "rate"} == set(told["channels"][0])


def test_what_is_to_be_known_of_both_is_said_once(settled: Session) -> None:
    compared = of(settled, 10, 10)

    notes = page(compared).notes

    assert len(set(notes)) == len(notes)
    assert not any(note.startswith("W") for note in notes)
