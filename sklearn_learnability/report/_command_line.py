"""The command line: a table's report, known data, the suite, and checkpoints of language models."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.report._html import check_installed
from sklearn_learnability.report._network_commands import compress, llc, plane, profile
from sklearn_learnability.report._read_table import check_arrow, read_table, split_table
from sklearn_learnability.report._score_command import score_table
from sklearn_learnability.report._suite import run_suite
from sklearn_learnability.report._terminal import AsJson, one_sentence_errors, out, told

app = typer.Typer(
    help="How much can be learned from a data set, and how much of it a model extracts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (plane, llc, compress, profile):
    app.command()(command)


class Budget(StrEnum):
    """The family of a ceiling, by its price."""

    FAST = "fast"
    DEFAULT = "default"
    BEST = "best"


def check_folder(out_file: Path | None) -> None:
    """Refuse a folder, and a file in a folder that is not there."""
    if out_file is not None and out_file.is_dir():
        raise ValueError(f"Expected a file to write, got the folder {str(out_file)!r}.")
    if out_file is not None and not out_file.parent.is_dir():
        raise ValueError(f"Expected a folder that is there, got {str(out_file.parent)!r}.")


@app.command()
def score(
    data: Annotated[Path, typer.Argument(help="A table: CSV, TSV, Parquet, Arrow or Feather.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    time: Annotated[str | None, typer.Option(help="The column that orders the rows.")] = None,
    group: Annotated[
        str | None, typer.Option(help="The column whose equal values mark dependent rows.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A column that is no input; repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column that is an input although it looks like an id; repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A skops file or dotted path of a model; repeatable."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="A table of held-out predictions, one row a row of DATA."),
    ] = None,
    budget: Annotated[Budget, typer.Option(help="The family of the ceiling.")] = Budget.FAST,
    store: Annotated[
        Path | None, typer.Option(help="A folder where finished fits are kept.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where to write the report, one HTML file.")
    ] = None,
    show_rows: Annotated[
        bool, typer.Option("--show-rows", help="Show the values of surprising rows in the report.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Source of randomness.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say what can be learned from a table, what models make of it, and what to do."""
    with one_sentence_errors(store):
        check_folder(out_file)
        if out_file is not None:
            check_installed()
        table = read_table(data)
        parts = split_table(table, target, time=time, group=group, ids=ids or (), keep=keep or ())
        for text in parts.left_out:
            told.print(f"Left out: {text}.", highlight=False, markup=False)
        answer = score_table(
            parts, models=model, predictions=predictions, budget=budget, store=store, seed=seed
        )
        for text in answer.report.warnings:
            told.print(f"Warning: {text}", highlight=False, markup=False, soft_wrap=True)
        if out_file is not None:
            answer.write(out_file, show_rows=show_rows)
        if as_json:
            print(json.dumps(answer.numbers, indent=1))
        else:
            for sentence in answer.sentences:
                out.print(sentence, highlight=False, markup=False, soft_wrap=True)


@app.command()
def generate(
    out_file: Annotated[Path, typer.Option("--out", help="A CSV or Parquet file to write.")],
    learnability: Annotated[float, typer.Option(help="Share of the label entropy to explain.")],
    rows: Annotated[int, typer.Option(help="Number of rows.")] = 1000,
    columns: Annotated[int, typer.Option(help="Number of columns.")] = 20,
    label_noise: Annotated[float, typer.Option(help="Probability of a flipped label.")] = 0.0,
    positive_rate: Annotated[float | None, typer.Option(help="Share of class 1.")] = None,
    seed: Annotated[int, typer.Option(help="Source of randomness.")] = 0,
) -> None:
    """Write data of a known learnability, and its truth beside it."""
    with one_sentence_errors():
        writers = {".csv": "to_csv", ".parquet": "to_parquet"}
        if out_file.suffix not in writers:
            raise ValueError(
                f"Expected a file that ends in .csv or .parquet, got {out_file.name!r}."
            )
        if out_file.suffix == ".parquet":
            check_arrow("writes")
        check_folder(out_file)
        make: Any = make_learnability_classification
        X, y, truth = make(
            rows,
            columns,
            learnability=learnability,
            label_noise=label_noise,
            positive_rate=positive_rate,
            random_state=seed,
            return_truth=True,
        )
        table = pd.DataFrame(X, columns=[f"x{number}" for number in range(columns)]).assign(y=y)
        getattr(table, writers[out_file.suffix])(out_file, index=False)
        sidecar = out_file.with_suffix(".truth.json")
        known = truth.to_frame().iloc[0].to_dict() | {"random_state": seed, "target": "y"}
        sidecar.write_text(json.dumps(known, indent=1) + "\n")
        out.print(
            f"{rows} rows in {out_file}, the truth in {sidecar}.", highlight=False, markup=False
        )


@app.command()
def suite(
    model: Annotated[list[str], typer.Argument(help="Dotted path of a classifier; repeatable.")],
    rows: Annotated[int, typer.Option(help="Rows that each model is fitted on.")] = 2000,
    seed: Annotated[int, typer.Option(help="Source of randomness.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure classifiers against the exact truth of the suite's 24 data sets."""
    with one_sentence_errors():
        report = run_suite(model, n_samples=rows, random_state=seed)
        if as_json:
            print(report.to_frame().to_json(orient="records", indent=1))
            return
        table = Table("data set", *report.compare().columns)
        for name, values in report.compare().iterrows():
            table.add_row(str(name), *(f"{value:.2f}" for value in values))
        out.print(table)
