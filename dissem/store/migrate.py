"""Bring the tables up to date. Alone in its file: alembic costs more start-up than everything else."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from dissem.store.database import Database


def configured(database: Database) -> Config:
    """alembic's own configuration for *database*."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = database.engine
    return config


def migrate(database: Database) -> None:
    """Apply every migration that is missing, in one transaction."""
    command.upgrade(configured(database), "head")
