"""Every cell of the report, equal to what an independent straightforward program says."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
import second_opinion
from made_up_city import JAKARTA, SMALL, City
from report_maker import LATER, report_of
from sqlmodel import Session

from dissem.desk.acting import Acting
from dissem.models import Person
from dissem.reports import periods
from dissem.reports.figures import Report
from dissem.reports.release_rows import of_release
from dissem.store.installation import Installation

CITY = City(SMALL)
WEEKS = [CITY.week(number) for number in (0, 1, 4, 10, 11, 12)]


def told(report: Report) -> dict[str, Any]:
    """The report's figures in the shape of the second opinion."""

    def plain(rows: Any) -> list[dict[str, Any]]:
        return [asdict(row) for row in rows]

    punctuality = asdict(report.punctuality)
    punctuality.pop("worst_delivery")
    return {
        "totals": asdict(report.totals),
        "channels": plain(report.channels),
        "agencies": plain(report.agencies),
        "platforms": plain(report.platforms),
        "kinds": plain(report.kinds),
        "releases": [{k: v for k, v in row.items() if k != "links"} for row in plain(report.releases)],
        "punctuality": punctuality,
        "glance": {one.name: (one.now, one.before, one.low, one.usual, one.high) for one in report.glance},
        "failures": [one.delivery for one in report.failures],
        "holds": [one.delivery for one in report.holds],
        "doubts": asdict(report.doubts),
        "silent": {
            "agencies": sorted(one.agency for one in report.silent.agencies),
            "channels": sorted(one.channel for one in report.silent.channels),
        },
    }


def earlier(report: Report) -> list[tuple[datetime, datetime]]:
    """The eight periods before, newest first."""
    before, period = [], report.period
    for _number in range(8):
        period = periods.before(period, JAKARTA)
        before.append((period.start, period.end))
    return before


def opinion(world: second_opinion.World, report: Report) -> dict[str, Any]:
    found: dict[str, Any] = second_opinion.of_period(world, report.period.start, report.period.end, earlier(report))
    return found


def close(found: Any, expected: Any) -> None:
    """Equal in every cell; quartiles but for rounding, as they are interpolated in another order."""
    for name, values in expected.pop("glance").items():
        for one, other in zip(found["glance"][name], values, strict=True):
            assert one == other if other is None else one == pytest.approx(other, rel=1e-12), name
    found.pop("glance")
    for part, cells in expected.items():
        assert found[part] == cells, part


def test_every_cell_of_every_week_equals_the_second_opinion_from_roll_ups_and_from_samples(settled: Session) -> None:
    world = second_opinion.World(settled)

    for label in WEEKS:
        for source in ("rollups", "samples"):
            report = report_of(settled, label, source=source)
            close(told(report), opinion(world, report))
            assert report.readings is not None
            assert report.readings.differs == 0


def test_the_months_figures_equal_the_second_opinion(settled: Session) -> None:
    world = second_opinion.World(settled)

    for label in ("2026-09", "2026-10", "2026-11"):
        for source in ("rollups", "samples"):
            report = report_of(settled, label, source=source)
            close(told(report), opinion(world, report))


def test_every_cell_of_the_report_of_each_agency_equals_the_second_opinion(settled: Session) -> None:
    world = second_opinion.World(settled)

    for agency in sorted({channel.agency for channel in world.channels.values()}):
        for label in (WEEKS[1], WEEKS[3]):
            report = report_of(settled, label, agency=agency)
            start, end, before = report.period.start, report.period.end, earlier(report)
            close(told(report), second_opinion.of_agency(world, agency, start, end, before))


def test_what_a_release_reached_and_how_it_grew_equals_the_second_opinion(
    settled: Session, installation: Installation
) -> None:
    world = second_opinion.World(settled)
    siti = settled.get_one(Person, 1)

    for number in list(world.releases)[::17]:
        report = of_release(Acting(installation, siti), number, printed=LATER)
        expected = second_opinion.of_release(world, number)
        assert (report.gained, report.interactions, report.rate) == (
            expected["gained"],
            expected["interactions"],
            expected["rate"],
        )
        for point in report.growth:
            then = second_opinion.of_release(world, number, point.at)
            assert (point.gained, point.interactions) == (then["gained"], then["interactions"])


def test_how_well_it_was_read_equals_the_second_opinion_from_roll_ups_and_from_samples(settled: Session) -> None:
    world = second_opinion.World(settled)

    for label in WEEKS[:-1]:
        for source in ("rollups", "samples"):
            report = report_of(settled, label, source=source)
            start, end = report.period.start, report.period.end
            expected = second_opinion.readings(world, start, end, JAKARTA)
            readings = report.readings
            assert readings is not None
            assert (readings.publications, readings.late, readings.fallen) == (
                expected["publications"],
                expected["late"],
                expected["fallen"],
            )
            assert readings.unread == second_opinion.unread(world, end, timedelta(days=30))
            assert readings.hours is None or [list(day) for day in readings.hours] == expected["hours"]
            older = [{"release": o.release, "gained": o.gained, "interactions": o.interactions} for o in readings.older]
            assert older == second_opinion.older(world, start, end)


def test_the_city_has_everything_that_makes_figures_hard(settled: Session) -> None:
    reports = [report_of(settled, label) for label in WEEKS]

    readings = [report.readings for report in reports if report.readings]
    for name in ("late", "fallen", "unread"):
        assert any(getattr(one, name) for one in readings), name
    assert any(one.hours for one in readings)
    assert any(report.failures for report in reports)
    assert any(report.doubts.found for report in reports)
    assert any(report.doubts.absent for report in reports)
    assert reports[-2].holds
    assert reports[-2].silent.agencies
    assert any(row.gained["views"] is None and row.readings for row in reports[-2].channels)
    assert any(link.gone for report in reports for row in report.releases for link in row.links)
    assert max(report.punctuality.worst or 0 for report in reports) > timedelta(hours=1).total_seconds()
    assert all(one.usual is not None for one in reports[-2].glance)
    assert reports[0].glance[0].before is None
