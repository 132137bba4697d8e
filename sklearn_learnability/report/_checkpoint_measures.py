"""What the commands measure of checkpoints of language models, by torch, on a text's tokens."""

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import numpy as np

from sklearn_learnability._validation import check_count, missing_package
from sklearn_learnability.exceptions import (
    CheckpointError,
    DamagedCheckpointWarning,
    NotFiniteError,
)
from sklearn_learnability.report._terminal import say

if TYPE_CHECKING:
    from sklearn_learnability.torch import (
        ComplexityAgainstCompressibility,
        CriticalAmount,
        LLCTrajectory,
        Trajectory,
    )

T = TypeVar("T")
BATCH = 8  # sequences
WIDTHS = (1, 2, 3, 4)
SAMPLE = 2_000  # characters that tokenizers are compared on


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoints by name, the sequences (N, T) that all are measured on, and where to keep it."""

    paths: dict[str, Path]
    sequences: Any
    store: Path | None

    def folder(self, part: str) -> Path | None:
        """Return where one kind of result is kept."""
        return None if self.store is None else self.store / part

    def each(self, measure: Callable[[str, Path], T]) -> Iterator[dict[str, T]]:
        """Yield what is measured so far after each whole checkpoint; say which are skipped."""
        found: dict[str, T] = {}
        reason = ""
        for name, path in self.paths.items():
            try:
                found[name] = measure(name, path)
            except (CheckpointError, NotFiniteError) as error:
                reason = str(error)
                say(f"Skipped {name}. {reason}")
                continue
            yield dict(found)
        if not found:
            raise CheckpointError(
                f"Expected at least one whole checkpoint, got none of {len(self.paths)}. {reason}"
            )


def read_checkpoints(
    sources: Sequence[Path],
    text: Path,
    *,
    context: int,
    n_sequences: int,
    seed: int,
    store: Path | None,
) -> Checkpoints:
    """Return checkpoints that are on the disk, and sequences of the text by their tokenizer."""
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise missing_package(" and ".join(missing), "llm", "read checkpoints")
    import torch

    check_count("sequences", n_sequences)
    if check_count("context", context) < 2 * WIDTHS[-1]:
        raise ValueError(f"Expected a context of at least {2 * WIDTHS[-1]} tokens, got {context}.")
    paths = named_paths(sources)
    for name, path in paths.items():
        check_positions(name, path, context)
    ids = tokens_of(paths, read_text(text))
    n_pieces = len(ids) // context
    if not n_pieces:
        raise ValueError(
            f"Expected a text of at least {context} tokens, the context, got {len(ids)} in {text}."
        )
    pieces = np.asarray(ids[: n_pieces * context], dtype=np.int64).reshape(n_pieces, context)
    chosen = np.sort(np.random.RandomState(seed).permutation(n_pieces)[:n_sequences])
    say(
        f"{len(paths)} checkpoints; {len(chosen)} of {n_pieces} sequences of {context} tokens, "
        f"{len(chosen) * context:,} tokens a pass."
    )
    return Checkpoints(paths, torch.from_numpy(pieces[chosen]), store)


def named_paths(sources: Sequence[Path]) -> dict[str, Path]:
    """Return the checkpoints by the names of their folders, by whole paths where these repeat."""
    for path in sources:
        if not path.is_dir() and not (path.is_file() and path.suffix == ".gguf"):
            raise ValueError(
                "Expected folders that save_pretrained wrote, or .gguf files, got "
                f"{str(path)!r}. Nothing is downloaded."
            )
    names = [path.resolve().name for path in sources]
    if len(set(names)) < len(names):
        names = [str(path) for path in sources]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"Expected different checkpoints, got {repeated[0]!r} more than once.")
    return dict(zip(names, sources, strict=True))


def check_positions(name: str, path: Path, context: int) -> None:
    """Refuse a context longer than the positions that a model has."""
    config = path / "config.json"
    if not config.is_file():
        return
    try:
        known = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:  # loading says what is wrong with it
        return
    if not isinstance(known, dict):  # loading says so of it too
        return
    longest = known.get("max_position_embeddings", known.get("n_positions"))
    if isinstance(longest, int) and longest < context:
        raise ValueError(
            f"Expected a context of at most {longest} tokens, the positions of {name}, got "
            f"{context}. Pass --context {longest}."
        )


def read_text(path: Path) -> str:
    """Return the text of a file."""
    if not path.is_file():
        raise ValueError(f"Expected a file of text, got {str(path)!r}, which is not there.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected a text in UTF-8, got other bytes in {str(path)!r}.") from error


def tokens_of(paths: dict[str, Path], text: str) -> list[int]:
    """Return the tokens of a text by the tokenizer that all checkpoints have."""
    from sklearn_learnability.torch.models._language_models import load_tokenizer

    first: tuple[str, Any] | None = None
    for name, path in paths.items():
        where = (str(path), {}) if path.is_dir() else (str(path.parent), {"gguf_file": path.name})
        try:
            tokenizer = load_tokenizer(where[0], {"local_files_only": True, **where[1]})
        except CheckpointError:  # it is skipped later
            continue
        if tokenizer is None:
            continue
        if first is None:
            first = name, tokenizer
        elif encoded(tokenizer, text[:SAMPLE]) != encoded(first[1], text[:SAMPLE]):
            raise ValueError(
                f"Expected checkpoints of one tokenizer, got others in {first[0]} and {name}. "
                "Measure them apart."
            )
    if first is None:
        raise CheckpointError(
            f"Expected a tokenizer in at least one checkpoint, got none of {len(paths)}."
        )
    return encoded(first[1], text)


def encoded(tokenizer: Any, text: str) -> list[int]:
    """Return the tokens of a text, which may be longer than a model reads."""
    return list(tokenizer(text, verbose=False)["input_ids"])


def planes(of: Checkpoints, seed: int) -> Iterator["Trajectory"]:
    """Yield the information plane of the checkpoints so far, after each."""
    from sklearn_learnability.torch import Trajectory, measure_checkpoints

    ids = of.sequences.tolist()

    def measure(name: str, path: Path) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedCheckpointWarning)  # it is said
            found = measure_checkpoints(
                {name: path},
                ids,
                widths=WIDTHS,
                context=len(ids[0]),
                batch_size=BATCH,
                random_state=seed,
                store=of.folder("plane"),
            )
        return found.planes[0]

    for found in of.each(measure):
        yield Trajectory(tuple(found), tuple(found.values()), ())


def critical_amounts(of: Checkpoints, tolerance: float) -> Iterator[dict[str, "CriticalAmount"]]:
    """Yield the critical quantization of the checkpoints so far, after each."""
    from sklearn_learnability.torch import (
        Quantization,
        critical_amount,
        load_language_model,
        next_token_loss,
    )

    folder = of.folder("bits")

    def measure(name: str, path: Path) -> Any:
        return critical_amount(
            load_language_model(path)[0],
            next_token_loss,
            of.sequences,
            Quantization(),
            tolerance=tolerance,
            batch_size=BATCH,
            store=folder and folder / f"{quote(name, safe=' ')}.pt",
        )

    yield from of.each(measure)


def coefficients(of: Checkpoints, max_seconds: float, seed: int) -> "LLCTrajectory":
    """Return the local learning coefficients, all at one setting."""
    from sklearn_learnability.torch import LocalLearningCoefficient, next_token_loss

    if not max_seconds > 0:
        raise ValueError(f"Expected max-seconds above 0, got {max_seconds}.")
    most = len(of.paths) * max_seconds
    say(
        f"The coefficients take about {max_seconds:g} s each, {most:g} s in all; where the fewest "
        "draws take longer, a warning says so."
    )
    llc = LocalLearningCoefficient(next_token_loss, max_seconds=max_seconds, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedCheckpointWarning)  # it is said
        found = llc.estimate_checkpoints(of.paths, of.sequences, store=of.folder("llc"))
    for name, reason in found.skipped:
        say(f"Skipped {name}. {reason}")
    return found


def against_each_other(
    coefficients: "LLCTrajectory", critical: dict[str, "CriticalAmount"]
) -> "ComplexityAgainstCompressibility":
    """Return coefficients and critical amounts of the checkpoints that have both, as one study."""
    from sklearn_learnability.torch import CheckpointComplexity, ComplexityAgainstCompressibility

    points = [
        CheckpointComplexity(
            name,
            "",
            None,
            critical[name].curve.baseline,
            found.value,
            found.standard_error,
            found.half_chain_drift,
            found.excess_loss,
            found.flags,
            {"quantization": (critical[name],)},
        )
        for name, found in zip(coefficients.names, coefficients.estimates, strict=True)
        if name in critical
    ]
    return ComplexityAgainstCompressibility(tuple(points), coefficients.skipped, None)
