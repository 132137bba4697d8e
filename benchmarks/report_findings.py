"""How often the codes of a report are there without a reason, and with one.

    python benchmarks/report_findings.py [--seeds 3]       # about 25 CPU minutes

Tables of 1,500 rows whose truth is known: those of the suite; some of them with labels drawn apart
from the inputs, with copies of rows, and with a time that means nothing; members of the armed
forces in counted cells; and a law that turns. In each four classifiers are assessed beside the
"fast" ceiling, as `score` does. What is true of a table, without the noise of labels:

SLL001  the classifier's divergence from the truth, more than .05 of H(Y)
SLL002  what the best affine map takes off it, more than .01
SLL003  what a ceiling gains from ten times the rows, more than .05 or not
SLL004  the law turns
SLL005  labels are drawn apart; it is false where the learnability is above .05
SLL006  rows are copied

A truth is clear where it is twice as large, or for SLL003 half as large, as the limit. A report
that is done is read from output/report_findings.csv.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _finding_cases import (
    FACTOR,
    N_SAMPLES,
    SUITE,
    calibration_loss,
    cells,
    draw,
    gap_of_ceiling,
    models,
    predictions,
)
from _grid import finish_grid
from _results import cpu_seconds, records

from sklearn_learnability.report import learnability_report

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "report_findings.json"
OUTPUT = HERE.parent / "output"
HEADROOM, WORTH, MORE, SEEN = 0.05, 0.01, 0.05, 0.05
CODES = tuple(f"SLL00{number}" for number in range(1, 7))
#: Folds of a ceiling on ten times the rows: as many rows train it as ten times those of a report.
FEW_FOLDS, TRAINED_ON = 3, 0.8
GAIN_SEED = 900_000


def measure(change, table, seed):
    """Return what a report says of a table, and what is true of it."""
    X, y, time, truth = draw(change, table, seed)
    proba = predictions(X, y, time, seed)
    seconds, report = cpu_seconds(
        lambda: learnability_report(X, y, predictions=proba, time=time, random_state=seed)
    )
    row = {"learnability": np.nan if truth is None else truth.learnability, "CPU s": seconds}
    for name, values in proba.items():
        known = truth is not None and change != "copies of rows"
        row[f"gap of {name}"] = truth.gap(values, X, labels=truth.classes) if known else np.nan
        row[f"calibration of {name}"] = calibration_loss(truth, X, values) if known else np.nan
    found = [(str(one.code), one.sentence) for one in report.findings]
    row["found"] = " ".join(sorted(named(code, sentence) for code, sentence in found)) or "-"
    return row


def named(code, sentence):
    """Return a code, with the model or the direction that it is about."""
    if code == "SLL003":
        return f"{code}:{'rows' if 'more rows pay' in sentence else 'columns'}"
    about = [name for name in models(0) if name in sentence]
    return f"{code}:{about[0].replace(' ', '_')}" if about else code


def gain(table):
    """Return what ten times the rows bring a ceiling, without the noise of labels."""
    few = gap_of_ceiling(table, N_SAMPLES, 5, GAIN_SEED)
    n_many = round(FACTOR * N_SAMPLES * TRAINED_ON / (1 - 1 / FEW_FOLDS))
    return {"gain": few - gap_of_ceiling(table, n_many, FEW_FOLDS, GAIN_SEED)}


def claims(reports, gains):
    """Return one row a report, code and subject: whether it was found, is true, and clearly so."""
    gains = gains.set_index("table")["gain"]
    rows = [claim for _, report in reports.iterrows() for claim in claims_of(report, gains)]
    return pd.DataFrame(
        rows, columns=["report", "code", "subject", "found", "true", "clear", "size"]
    )


def claims_of(report, gains):
    """Yield the claims of one report."""
    change, found = report["change"], set(report["found"].split())
    key = (change, report["table"], report["seed"])
    plain = change in ("as it is", "rows with a time", "counted cells")
    for name in models(0):
        mark = name.replace(" ", "_")
        of_model = (
            ("SLL001", report[f"gap of {name}"], HEADROOM),
            ("SLL002", report[f"calibration of {name}"], WORTH),
        )
        for code, size, limit in of_model:
            if plain:
                is_found = f"{code}:{mark}" in found
                yield key, code, name, is_found, size > limit, size > 2 * limit, size
    if change in ("as it is", "rows with a time"):
        more = gains[report["table"]]
        yield key, "SLL003", "rows", "SLL003:rows" in found, more > MORE, more > 2 * MORE, more
        yield (
            key,
            "SLL003",
            "columns",
            "SLL003:columns" in found,
            more <= MORE,
            more <= MORE / 2,
            more,
        )
    turns = change == "a law that turns"
    yield key, "SLL004", "", "SLL004" in found, turns, turns, np.nan
    apart = change == "labels drawn apart"
    if apart or not report["learnability"] <= SEEN:
        yield key, "SLL005", "", "SLL005" in found, apart, apart, np.nan
    copied = change == "copies of rows"
    yield key, "SLL006", "", "SLL006" in found, copied, copied, np.nan


def summarise(rows):
    """Return the rates of every code, and of reports as a whole."""
    false = rows[rows["found"] & ~rows["true"]]
    table = []
    for code in CODES:
        of_code = rows[rows["code"] == code]
        holds, clear = of_code[of_code["true"]], of_code[of_code["clear"]]
        table.append(
            {
                "code": code,
                "claims without a reason": int((~of_code["true"]).sum()),
                "found there": share(of_code.loc[~of_code["true"], "found"]),
                "with a reason": len(holds),
                "found of these": share(holds["found"]),
                "with a clear one": len(clear),
                "found of those": share(clear["found"]),
            }
        )
    n = rows["report"].nunique()
    whole = {
        "reports": n,
        "with a false code": false["report"].nunique() / n,
        "clear and found": share(rows.loc[rows["clear"], "found"]),
    }
    return pd.DataFrame(table), whole


def share(found):
    """Return the share that was found, NaN of none."""
    return float(found.mean()) if len(found) else np.nan


def tables(results):
    """Return the tables that the pages show."""
    table = pd.DataFrame(results["codes"])
    for name in ("found there", "found of these", "found of those"):
        table[name] = [percent(value) for value in table[name]]
    whole = {
        "reports": results["reports"],
        "with a code that is not true": percent(results["with a false code"]),
        "clear reasons found": percent(results["clear and found"]),
    }
    return {"report_findings": table, "report_findings_whole": pd.DataFrame([whole])}


def percent(share):
    """Return a share as text."""
    return "" if share is None else f"{100 * share:.0f} %"


def main():
    """Measure what is missing, print the tables, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds of every table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    OUTPUT.mkdir(exist_ok=True)
    wanted = [{"table": name} for name in SUITE]
    reports = finish_grid(cells(options.seeds), measure, OUTPUT / "report_findings.csv")
    gains = finish_grid(wanted, gain, OUTPUT / "report_findings_gains.csv")
    rows = claims(reports, gains)
    table, whole = summarise(rows)
    wrong = rows[(rows["found"] & ~rows["true"]) | (~rows["found"] & rows["clear"])]
    print(wrong.to_string(index=False), table.to_string(index=False), whole, sep="\n\n")
    results = whole | {"codes": records(table), "CPU s a report": reports["CPU s"].median()}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
