"""Documents that cannot drift: what they say is compared with what there is."""

import re
from pathlib import Path

import pytest

from dissem.channels.adapter import COUNTS
from dissem.channels.registry import adapter_class, platforms
from dissem.cli.init import config_text

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
WORDS = {"watch_seconds": "seconds watched"}


def test_the_example_names_every_setting_its_default_and_what_it_is_for() -> None:
    written = (ROOT / "config.example.toml").read_text(encoding="utf-8")

    assert written == config_text({})


def row(platform: str) -> list[str]:
    """The cells of *platform* in the table: its name; settings; what it publishes, counts and reads; the unknown."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {platform} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("platform", platforms())
def test_the_table_names_every_setting_of_every_platform_and_no_other(platform: str) -> None:
    common = {"on_absent", "gap", "daily", "api_url"}

    named = set(re.findall(r"`(\w+)`", row(platform)[1]))

    assert named == set(adapter_class(platform).Settings.model_fields) - common


@pytest.mark.parametrize("platform", platforms())
def test_the_table_says_which_figures_are_read_and_how_long_a_text_may_be(platform: str) -> None:
    facts, said = adapter_class(platform).facts, row(platform)[2]
    figures = [WORDS.get(name, name) for name in COUNTS if name in facts.counts]

    assert said.rpartition("; ")[2] == (", ".join(figures) or "no figures")
    assert facts.text is None or f"{facts.text:,}" in said


@pytest.mark.parametrize("platform", platforms())
def test_the_table_says_what_is_known_after_a_lost_answer(platform: str) -> None:
    known = adapter_class(platform).facts.certainties

    said = re.findall(r"(?:^|\. )(\w+)(?: \([^)]*\))?:", row(platform)[3])

    assert sorted(said) == sorted(known)


@pytest.mark.parametrize("platform", platforms())
def test_the_table_says_how_many_pictures_a_post_may_have(platform: str) -> None:
    images, said = adapter_class(platform).facts.images, row(platform)[2]

    assert ("picture" in said) is (images > 0)
    assert images < 2 or re.search(rf"\b{images} pictures", said)


def test_the_daily_limits_are_those_of_the_adapters() -> None:
    limits = {adapter_class(name).facts.daily for name in platforms()} - {None}
    [paragraph] = [block for block in PAGE.split("\n\n") if block.startswith("A platform's daily limit")]

    assert {int(number) for number in re.findall(r"\b(\d+)\b(?= posts| on)", paragraph)} == limits


def test_the_table_has_a_row_for_every_platform_and_no_other() -> None:
    named = re.findall(r"^\| ([a-z][\w-]*) \| (?:`|\|)", PAGE, flags=re.MULTILINE)

    assert sorted(named) == sorted(platforms())


def test_the_readme_names_every_floor_of_the_house() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    house = {p.name for p in (ROOT / "dissem").iterdir() if (p / "__init__.py").exists()}

    assert {name for name in house if f"`{name}/`" in readme} == house
