"""See whether a small language model expands, then compresses, while it learns.

    python benchmarks/information_plane.py     # minutes; results are kept as they come

Trains the model first, or to its end, where benchmarks/train_small_lm.py has not (9 CPU-minutes).
Measures every checkpoint on the same held-out text, with the nulls, and how the numbers move with
the number of reference points, the number of positions and the kind of text. Prints and writes
results/information_plane.json, and the figures of the guide.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import torch
from _results import records
from _small_lm import FOLDER, layer_names, load_small_lm, texts_by_source

from sklearn_learnability.displays import InformationPlaneDisplay, LayerProfileDisplay
from sklearn_learnability.torch import measure_checkpoints, measure_information_plane

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "information_plane.json"
FIGURES = HERE.parent / "docs" / "_static"
WIDTHS = (1, 2, 3, 4)
COLUMNS = ["complexity", "expressivity", "optimality"]
COLUMNS += [f"{name}_{twin}" for twin in ("null", "quadratic") for name in COLUMNS]
SIZES = {"n_sequences": 400, "context": 64, "batch_size": 32}


def mean_rows(plane, columns=COLUMNS):
    """Return the rows of the layers' mean."""
    frame = plane.to_frame()
    return frame[frame["layer"] == "mean"][["width", *columns, "n_positions", "loss"]]


def follow(paths, tokenizer, texts, layers):
    """Return the trajectory over all checkpoints, from what is stored where it is."""
    return measure_checkpoints(
        paths,
        tokenizer,
        texts,
        load=load_small_lm,
        layers=layers,
        widths=WIDTHS,
        store=FOLDER / "planes",
        progress=False,
        **SIZES,
    )


def find_phases(trajectory, losses):
    """Return, by layer and width, where each quantity peaks and what is lost of it by the end."""
    errors = standard_errors(trajectory)
    frame = trajectory.to_frame()
    frame["step"] = frame["checkpoint"].str.removeprefix("step_").astype(int)
    rows = []
    for (layer, width), course in frame.groupby(["layer", "width"], sort=False):
        course = course.set_index("step")
        row = {"layer": layer, "width": width}
        for name in ("complexity", "expressivity"):
            for twin in ("", "_null", "_quadratic"):
                values = course[name + twin]
                peak = int(values.idxmax())
                row[f"{name}{twin} peak step"] = peak
                row[f"{name}{twin} start"] = values.iloc[0]
                row[f"{name}{twin} peak"] = values[peak]
                row[f"{name}{twin} end"] = values.iloc[-1]
        last = frame["step"].max()
        row["standard error at peak"] = errors.get((row["complexity peak step"], layer, width))
        row["standard error at end"] = errors.get((last, layer, width))
        row["loss at complexity peak"] = float(losses[row["complexity peak step"]])
        rows.append(row)
    return pd.DataFrame(rows)


def standard_errors(trajectory):
    """Return the standard error over sequences of each layer's complexity, by step and width."""
    return {
        (int(name.removeprefix("step_")), row.layer, int(row.labels.removeprefix("past_"))): (
            row.standard_error
        )
        for name, plane in zip(trajectory.names, trajectory.planes, strict=True)
        for row in plane.information.itertuples()
        if row.labels.startswith("past_")
    }


def vary_points(paths, tokenizer, texts, layers):
    """Return the first, a middle and the last checkpoint with fewer and more points."""
    rows = []
    for path in (paths[0], paths[len(paths) // 2], paths[-1]):
        model = load_small_lm(path)
        for n_points in (50, 100, 200):
            for seed in range(3):
                plane = measure_information_plane(
                    model,
                    tokenizer,
                    texts,
                    layers=layers,
                    n_points=n_points,
                    random_state=seed,
                    progress=False,
                    **SIZES | {"n_sequences": 100},
                )
                rows.append(mean_rows(plane).assign(checkpoint=path.stem, points=n_points))
    table = pd.concat(rows).groupby(["checkpoint", "points", "width"])[COLUMNS]
    return table.agg(["mean", "std"])


def vary_positions(path, tokenizer, texts, layers):
    """Return the last checkpoint on more and more sequences."""
    model = load_small_lm(path)
    rows = [
        mean_rows(
            measure_information_plane(
                model,
                tokenizer,
                texts,
                layers=layers,
                progress=False,
                **SIZES | {"n_sequences": n_sequences},
            )
        )
        for n_sequences in (25, 50, 100, 200, 400, 800, 1600)
    ]
    return pd.concat(rows)


def vary_texts(path, tokenizer, held_out, layers):
    """Return the last checkpoint on each kind of text, the same number of sequences each."""
    model = load_small_lm(path)
    known = set(held_out)
    rows = []
    for source, texts in texts_by_source().items():
        texts = [text.strip() for text in texts if text.strip() in known]
        plane = measure_information_plane(
            model,
            tokenizer,
            texts,
            layers=layers,
            progress=False,
            **SIZES | {"n_sequences": 150},
        )
        rows.append(mean_rows(plane).assign(text=source, n_sequences=plane.n_sequences))
    return pd.concat(rows)


def draw(trajectory):
    """Write the figures of the guide."""
    figure = InformationPlaneDisplay.from_trajectory(trajectory).figure_
    figure.savefig(FIGURES / "information_plane.png", dpi=110)
    figure = LayerProfileDisplay.from_plane(trajectory.planes[-1]).figure_
    figure.savefig(FIGURES / "layer_profile.png", dpi=110)


def flat(table):
    """Return a table with one level of column names."""
    table = table.reset_index()
    table.columns = [" ".join(filter(None, column)) for column in table.columns]
    return table


def tables(results):
    """Return the tables of the documentation."""
    return {
        "plane_course": plane_course(results),
        "plane_positions": plane_positions(results),
        "plane_points": plane_points(results),
        "plane_texts": plane_texts(results),
    }


def plane_course(results):
    """Return complexity and expressivity of the narrowest and widest context over training."""
    course = pd.DataFrame(results["course"])
    steps = course["step"].unique()
    wide = course[course["step"].isin([*steps[:-1:3], *steps[-7:]])].pivot(
        index="step", columns="width", values=list(course.columns.drop(["step", "width"]))
    )
    shown = {"step": wide.index.astype(int), "loss": wide["loss", 1].map("{:.2f}".format)}
    for width in (1, 4):
        for short, name in [("X", "complexity"), ("Y", "expressivity")]:
            shown[f"I({short}{width})"] = wide[name, width].map("{:.3f}".format)
        shown[f"null {width}"] = wide["complexity_null", width].map("{:.3f}".format)
        for short, name in [("X", "complexity"), ("Y", "expressivity")]:
            if width == 1:
                shown[f"Q({short}1)"] = wide[f"{name}_quadratic", 1].map("{:.3f}".format)
    return pd.DataFrame(shown)


def plane_positions(results):
    """Return the plug-in and the unbiased numbers of two widths by number of positions."""
    wide = pd.DataFrame(results["positions"]).pivot(index="n_positions", columns="width")
    shown = {"positions": [f"{n:,}" for n in wide.index]}
    for width in (1, 4):
        shown[f"Y/X {width}"] = wide["optimality", width].map("{:.2f}".format).tolist()
        shown[f"I(Y{width})"] = wide["expressivity", width].map("{:.3f}".format).tolist()
        shown[f"null {width}"] = wide["expressivity_null", width].map("{:.3f}".format).tolist()
        quadratic = wide["expressivity_quadratic", width].map("{:.3f}".format)
        shown[f"Q(Y{width})"] = quadratic.tolist()
    return pd.DataFrame(shown)


def plane_points(results):
    """Return both informations of two widths by checkpoint and number of reference points."""
    wide = pd.DataFrame(results["points"]).pivot(index=["checkpoint", "points"], columns="width")
    steps, points = wide.index.get_level_values(0), wide.index.get_level_values(1)
    shown = {"step": steps.str.removeprefix("step_").astype(int), "points": points}
    for width in (1, 4):
        for short, name in [("X", "complexity"), ("Y", "expressivity"), ("Y/X", "optimality")]:
            title = f"I({short}{width})" if name != "optimality" else f"{short} {width}"
            shown[title] = wide[f"{name} mean", width].map("{:.3f}".format).tolist()
    return pd.DataFrame(shown)


def plane_texts(results):
    """Return the numbers of one token by kind of text."""
    texts = pd.DataFrame(results["texts"]).query("width == 1")
    return pd.DataFrame(
        {
            "text": texts["text"],
            "positions": texts["n_positions"].map("{:,}".format),
            "I(X1)": texts["complexity"].map("{:.3f}".format),
            "I(Y1)": texts["expressivity"].map("{:.3f}".format),
            "Y/X 1": texts["optimality"].map("{:.2f}".format),
        }
    )


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    import train_small_lm  # with what only training and measuring need
    from tokenizers import Tokenizer

    if not (FOLDER / f"step_{train_small_lm.N_STEPS:06d}.safetensors").exists():
        train_small_lm.run()
    paths = sorted(FOLDER.glob("step_*.safetensors"))
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    held_out = json.loads((FOLDER / "held_out.json").read_text())
    layers = layer_names(load_small_lm(paths[0]))
    trajectory = follow(paths, tokenizer, held_out, layers)
    draw(trajectory)
    losses = pd.read_csv(FOLDER / "losses.csv").set_index("step")["held_out_loss"]
    phases = find_phases(trajectory, losses)
    course = pd.concat(
        mean_rows(
            plane, [*COLUMNS, "conditional", "conditional_null", "proportion", "residual"]
        ).assign(step=int(name.removeprefix("step_")))
        for name, plane in zip(trajectory.names, trajectory.planes, strict=True)
    )
    results = {
        "settings": SIZES | {"layers": layers},
        "course": records(course, 5),
        "phases": records(phases, 5),
        "points": records(flat(vary_points(paths, tokenizer, held_out, layers)), 5),
        "positions": records(vary_positions(paths[-1], tokenizer, held_out, layers), 5),
        "texts": records(vary_texts(paths[-1], tokenizer, held_out, layers), 5),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    report(results)


def report(results):
    """Print what was found."""
    pd.set_option("display.width", 200)
    for name in ("course", "positions", "texts"):
        table = pd.DataFrame(results[name])
        for width, rows in table.groupby("width"):
            print(f"\n{name}, width {width}")
            print(rows.drop(columns="width").round(3).to_string(index=False))
    phases = pd.DataFrame(results["phases"])
    for name in ("complexity", "complexity_quadratic", "expressivity", "expressivity_quadratic"):
        columns = [f"{name} {when}" for when in ("start", "peak step", "peak", "end")]
        table = phases[["layer", "width", *columns]].copy()
        lost = 1 - table[f"{name} end"] / table[f"{name} peak"]
        table["lost after the peak"] = lost.map("{:.1%}".format)
        if name == "complexity":
            table["se at peak"] = phases["standard error at peak"]
            table["se at end"] = phases["standard error at end"]
        print(f"\n{name}")
        print(table.round(4).to_string(index=False))
    points = pd.DataFrame(results["points"])
    print("\npoints, mean and standard deviation over three draws")
    columns = ["complexity mean", "complexity std", "expressivity mean", "optimality mean"]
    print(points[["checkpoint", "points", "width", *columns]].round(3).to_string(index=False))


if __name__ == "__main__":
    main()
