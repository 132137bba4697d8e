"""What all commands share: how they speak, how they end, and where tables go."""

import html
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from sklearn_learnability.report._figures import drawn

MISTAKE, STOPPED = 2, 128 + signal.SIGINT
ENDINGS = (".csv", ".html", ".png")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
:root {{ --ink: #222222; --muted: #666666; --pale: #dddddd; --blue: #0072b2; --sky: #56b4e9;
  --vermilion: #d55e00; --paper: #ffffff; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222222; }}
td, th {{ padding: .1em .7em; text-align: right; }}
</style></head><body><h1>{title}</h1>
{figure}
{table}
</body></html>
"""
out, told = Console(), Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")]


@contextmanager
def one_sentence_errors(store: Path | None = None) -> Iterator[None]:
    """End with a sentence where the user made a mistake, and say how to go on after Ctrl-C."""
    try:
        yield
    except (ValueError, TypeError, ImportError, OSError) as error:
        told.print(f"[bold red]Error:[/] {plain(error)}", highlight=False)
        raise typer.Exit(MISTAKE) from error
    except KeyboardInterrupt as interrupt:
        kept = (
            ""
            if store is None
            else f" What is finished is kept in {store}: the same command goes on."
        )
        say(f"Stopped.{kept}")
        raise typer.Exit(STOPPED) from interrupt


def plain(error: BaseException) -> str:
    """Return the message of an error without what rich takes for markup."""
    return str(error).replace("[", "\\[")


def say(text: str) -> None:
    """Say something beside the results, on the error stream."""
    told.print(text, highlight=False, markup=False, soft_wrap=True)


def check_out(path: Path | None) -> None:
    """Refuse, before anything is measured, a file that cannot be written."""
    if path is None:
        return
    if path.suffix not in ENDINGS:
        raise ValueError(f"Expected a file that ends in {', '.join(ENDINGS)}, got {path.name!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"Expected a folder to write to, got {str(path.parent)!r}.")


def write_table(
    path: Path | None, title: str, table: pd.DataFrame, draw: Callable[[Any], Any], result: Any
) -> None:
    """Write a result as its ending says: the table, the figure, or a page of both."""
    if path is None:
        return
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".png":
        draw(result).figure_.savefig(path, dpi=150)
    else:
        cells = table.to_html(index=False, border=0, float_format="{:.4g}".format)
        page = PAGE.format(
            title=html.escape(title), figure=drawn("figure", draw, result), table=cells
        )
        path.write_text(page, encoding="utf-8")


def show_table(table: pd.DataFrame, *, as_json: bool) -> None:
    """Print a table, or its rows as JSON."""
    if as_json:
        print(json.dumps(json.loads(table.to_json(orient="records")), indent=1))
        return
    shown = Table(*map(str, table.columns))
    for values in table.itertuples(index=False):
        shown.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values))
    out.print(shown)
