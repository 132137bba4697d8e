"""What every report does: show its answer, and write it as one HTML file."""

from abc import abstractmethod
from html import escape
from os import PathLike
from pathlib import Path

import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability.report._finding import Finding
from sklearn_learnability.report._html import Page, render


class Report(Result):
    """The answer for one table, and what it rests on."""

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]

    @property
    @abstractmethod
    def sentences(self) -> tuple[str, ...]:
        """The answer, in three sentences."""

    @abstractmethod
    def _page(self, show_rows: pd.DataFrame | None) -> Page:
        """Return what the file shows."""

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding."""
        parts = [found.to_frame() for found in self.findings]
        empty = pd.DataFrame(columns=["code", "sentence", "table"])
        return pd.concat(parts, ignore_index=True) if parts else empty

    def _repr_html_(self) -> str:
        """Return the answer and the findings, for notebooks."""
        lines = [*self.sentences, *(f"{one.code} {one.sentence}" for one in self.findings)]
        return "".join(f"<p>{escape(line)}</p>" for line in lines)

    def to_html(
        self, file: str | PathLike[str] | None = None, *, show_rows: pd.DataFrame | None = None
    ) -> str:
        """Return the report as one HTML file that needs nothing beside it.

        Parameters
        ----------
        file : path-like, default=None
            Where to write it as well.
        show_rows : DataFrame, default=None
            The inputs, whose values are then shown for the rows that surprise the model. Reports
            travel: without them rows are named by their position alone.

        Returns
        -------
        str
            The file's content.

        Raises
        ------
        ImportError
            If jinja2 or matplotlib is missing, of the extra ``report``.
        """
        page = render(self._page(show_rows))
        if file is not None:
            Path(file).write_text(page, encoding="utf-8")
        return page
