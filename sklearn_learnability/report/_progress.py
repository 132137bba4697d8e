"""Progress over steps whose prices are known relative to each other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn_learnability._validation import missing_package


class Steps:
    """Steps that are begun one after the other; a bar shows what is left of them, if wanted.

    Parameters
    ----------
    prices : mapping of str to float
        What each step costs, relative to the others.
    bar : rich.progress.Progress or None
        Where it is shown.
    """

    def __init__(self, prices: Mapping[str, float], bar: Any = None) -> None:
        self.prices, self.bar = prices, bar
        self.done = 0.0
        self.running = ""
        self.task = None if bar is None else bar.add_task("", total=sum(prices.values()))

    def begin(self, name: str) -> None:
        """End the step before, and begin one."""
        self.done += self.prices.get(self.running, 0.0)
        self.running = name
        if self.bar is not None:
            self.bar.update(self.task, description=name, completed=self.done)


@contextmanager
def steps(prices: Mapping[str, float], *, shown: bool) -> Iterator[Steps]:
    """Yield steps, with a bar on the error stream if wanted."""
    if not shown:
        yield Steps(prices)
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as TimeLeft
    except ImportError as error:
        raise missing_package("rich", "report", "shows progress") from error
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Steps(prices, bar)
