"""The seconds that an estimate may take, and those it has taken."""

import time
from typing import Any

AUTOMATIC_SECONDS = 300.0


def seconds_of(max_seconds: Any) -> float:
    """Return the limit in seconds, infinite without one."""
    if max_seconds is None:
        return float("inf")
    return AUTOMATIC_SECONDS if isinstance(max_seconds, str) else float(max_seconds)


class Clock:
    """Seconds since a run began, with those of earlier parts of it.

    Attributes
    ----------
    limit : float
        Seconds that it may take.
    before : float
        Those of earlier parts.
    """

    def __init__(self, limit: float, before: float = 0.0) -> None:
        self.limit, self.before = limit, before
        self.began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds of all parts."""
        return self.before + time.monotonic() - self.began
