"""Uploads as bars on a terminal, one a delivery; gone when the files are there."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def bars() -> Iterator[Callable[[str, int], AbstractContextManager[Callable[[int], None]]]]:
    """Show bars on standard error until the end of the block; any number of threads may upload."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        @contextmanager
        def bar(name: str, size: int) -> Iterator[Callable[[int], None]]:
            task = progress.add_task(name, total=size)
            try:
                yield lambda sent: progress.advance(task, sent)
            finally:
                progress.remove_task(task)

        yield bar
