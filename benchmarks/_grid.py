"""A grid of measurements that survives being killed: one row a finished cell, in a plain table."""

import os
from numbers import Real

import pandas as pd
from tqdm import tqdm


def finish_grid(cells, measure, path):
    """Measure the cells that the table at `path` lacks, and return the rows of all cells.

    A cell is a dict of settings, the same keys in each; `measure(**cell)` returns a dict of
    results. The table is replaced as a whole after every cell, so that it is never half written.
    """
    rows = read_rows(path) if path.exists() else []
    finished = {key_of(row, cells[0]): row for row in rows}
    wanted = [cell for cell in cells if key_of(cell, cell) not in finished]
    progress = tqdm(wanted, initial=len(cells) - len(wanted), total=len(cells), unit="cell")
    for cell in progress:
        progress.set_postfix(cell)
        finished[key_of(cell, cell)] = cell | measure(**cell)
        write_rows(list(finished.values()), path)
    return finished_cells(cells, path)


def finished_cells(cells, path):
    """Return the rows of the cells that are finished, in the order of the cells."""
    finished = {key_of(row, cells[0]): row for row in read_rows(path)}
    keys = [key_of(cell, cell) for cell in cells]
    return pd.DataFrame([finished[key] for key in keys if key in finished])


def key_of(row, settings):
    """Return what tells a row from others, the same before and after it was written."""
    return tuple(
        f"{row[name]:g}" if isinstance(row[name], Real) else row[name] for name in settings
    )


def read_rows(path):
    """Return the rows of a table as dicts."""
    return pd.read_csv(path).to_dict("records")


def write_rows(rows, path):
    """Write a table beside `path`, then put it in its place."""
    beside = path.with_suffix(".part")
    pd.DataFrame(rows).to_csv(beside, index=False, float_format="%.6g")
    os.replace(beside, path)
