"""Documents that cannot drift: what they say is compared with what there is."""

from pathlib import Path

import pytest

from dissem.channels.registry import adapter_class, platforms
from dissem.cli.init import config_text

ROOT = Path(__file__).parent.parent
RUNNING = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")


def test_the_example_names_every_setting_its_default_and_what_it_is_for() -> None:
    written = (ROOT / "config.example.toml").read_text(encoding="utf-8")

    assert written == config_text({})


@pytest.mark.parametrize("platform", platforms())
def test_every_setting_of_every_platform_is_in_the_table(platform: str) -> None:
    common = {"on_absent", "gap", "api_url"}
    row = next(line for line in RUNNING.splitlines() if line.startswith(f"| {platform} |"))

    for setting in set(adapter_class(platform).Settings.model_fields) - common:
        assert f"`{setting}`" in row


def test_the_readme_names_every_floor_of_the_house() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    house = {p.name for p in (ROOT / "dissem").iterdir() if (p / "__init__.py").exists()}

    assert {name for name in house if f"`{name}/`" in readme} == house
