"""The commands on checkpoints of language models: plane, llc, compress, and profile of both."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from sklearn_learnability.displays import (
    ComplexityAgainstCompressibilityDisplay,
    CompressionCurveDisplay,
    InformationPlaneDisplay,
    LLCTraceDisplay,
)
from sklearn_learnability.displays._drawing import import_pyplot
from sklearn_learnability.report._checkpoint_measures import (
    against_each_other,
    coefficients,
    critical_amounts,
    planes,
    read_checkpoints,
)
from sklearn_learnability.report._terminal import (
    AsJson,
    check_out,
    one_sentence_errors,
    say,
    show_table,
    write_table,
)

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="CHECKPOINT...", help="Folders that save_pretrained wrote, or .gguf files."
    ),
]
Text = Annotated[Path, typer.Option(help="A file of text that all are measured on.")]
Context = Annotated[int, typer.Option(help="Tokens of a sequence.")]
Sequences = Annotated[int, typer.Option(help="Most sequences to draw from the text.")]
Store = Annotated[Path | None, typer.Option(help="A folder where finished results are kept.")]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", help="Where to write: a table (.csv), figure (.png) or both (.html)."),
]
Seed = Annotated[int, typer.Option(help="Source of randomness.")]
Seconds = Annotated[
    float, typer.Option(help="Seconds that the coefficient of a checkpoint is to take, about.")
]
Tolerance = Annotated[
    float, typer.Option(help="Increase of the loss that is tolerated, in nats a token.")
]


def plane(
    checkpoint: Sources,
    text: Text,
    context: Context = 128,
    sequences: Sequences = 200,
    store: Store = None,
    out_file: OutFile = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say what the layers of language models keep of past tokens and tell of those to come."""
    with one_sentence_errors(store):
        check_out(out_file)
        study = read_checkpoints(
            checkpoint, text, context=context, n_sequences=sequences, seed=seed, store=store
        )
        table = pd.DataFrame()
        for trajectory in planes(study, seed):
            table = trajectory.to_frame()
            draw = InformationPlaneDisplay.from_trajectory
            write_table(out_file, "Information plane", table, draw, trajectory)
        shown = table if as_json else mean_of_layers(table)
        show_table(shown, as_json=as_json)


def mean_of_layers(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are printed of the means of the layers."""
    columns = ["checkpoint", "width", "loss", "complexity", "complexity_null"]
    columns += ["expressivity", "expressivity_null", "optimality"]
    return table.loc[table["layer"] == "mean", columns]


def llc(
    checkpoint: Sources,
    text: Text,
    context: Context = 128,
    sequences: Sequences = 200,
    max_seconds: Seconds = 300.0,
    store: Store = None,
    out_file: OutFile = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Estimate the local learning coefficient of language models, all at one setting."""
    with one_sentence_errors(store):
        check_out(out_file)
        study = read_checkpoints(
            checkpoint, text, context=context, n_sequences=sequences, seed=seed, store=store
        )
        trajectory = coefficients(study, max_seconds, seed)
        table = trajectory.to_frame()
        write_table(out_file, "Local learning coefficient", table, ChainTraces, trajectory)
        columns = ["checkpoint", "value", "total_error", "initial_loss", "excess_loss", "flags"]
        show_table(table if as_json else table[columns], as_json=as_json)


class ChainTraces:
    """The chains of every estimate of a trajectory, below each other."""

    def __init__(self, trajectory: Any) -> None:
        n = len(trajectory.names)
        self.figure_, axes = import_pyplot().subplots(
            n, 1, figsize=(8, 3 * n), squeeze=False, layout="constrained"
        )
        found = zip(trajectory.names, trajectory.estimates, axes.ravel(), strict=True)
        for name, estimate, ax in found:
            LLCTraceDisplay.from_estimate(estimate, ax=ax)
            ax.set_title(name, fontsize=10)


def compress(
    checkpoint: Sources,
    text: Text,
    context: Context = 128,
    sequences: Sequences = 50,
    tolerance: Tolerance = 0.5,
    store: Store = None,
    out_file: OutFile = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say how coarsely the weights of language models can be rounded before their loss rises."""
    with one_sentence_errors(store):
        check_out(out_file)
        study = read_checkpoints(
            checkpoint, text, context=context, n_sequences=sequences, seed=seed, store=store
        )
        table = pd.DataFrame()
        for found in critical_amounts(study, tolerance):
            table = critical_table(found)
            draw = CompressionCurveDisplay.from_critical
            write_table(out_file, "Critical quantization", table, draw, found)
        columns = ["checkpoint", "loss", "value", "size", "status"]
        shown = table if as_json else table[columns].rename(columns={"size": "bits"})
        show_table(shown, as_json=as_json)


def critical_table(found: dict[str, Any]) -> pd.DataFrame:
    """Return one row a checkpoint, with its loss as it is."""
    rows = [
        critical.to_frame().assign(checkpoint=name, loss=critical.curve.baseline)
        for name, critical in found.items()
    ]
    table = pd.concat(rows, ignore_index=True)
    return table[["checkpoint", "loss", *table.columns.drop(["checkpoint", "loss"])]]


def profile(
    checkpoint: Sources,
    text: Text,
    context: Context = 128,
    sequences: Sequences = 50,
    max_seconds: Seconds = 300.0,
    tolerance: Tolerance = 0.5,
    store: Store = None,
    out_file: OutFile = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say whether the language models that are harder to compress are the more complex ones."""
    with one_sentence_errors(store):
        check_out(out_file)
        study = read_checkpoints(
            checkpoint, text, context=context, n_sequences=sequences, seed=seed, store=store
        )
        critical: dict[str, Any] = {}
        for critical in critical_amounts(study, tolerance):  # noqa: B007  (the last has all)
            pass
        result = against_each_other(coefficients(study, max_seconds, seed), critical)
        table = result.to_frame()
        draw = ComplexityAgainstCompressibilityDisplay.from_result
        write_table(out_file, "Complexity and compressibility", table, draw, result)
        columns = ["checkpoint", "loss", "llc", "llc_standard_error", "critical", "size", "flags"]
        shown = table if as_json else table[columns].rename(columns={"size": "bits"})
        show_table(shown, as_json=as_json)
        for line in result.fits().values():
            say(
                f"The coefficient explains {line.r_squared:.0%} of the critical amount's variance, "
                f"the loss alone {line.given_r_squared:.0%}. Over one run that is no evidence, as "
                "both go with training."
            )
