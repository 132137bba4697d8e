"""The commands on checkpoints: they print what the functions say, and fetch nothing."""

import json
import warnings

import pandas as pd
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from sklearn_learnability.report import _checkpoint_measures  # noqa: E402
from sklearn_learnability.report._command_line import app  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    Quantization,
    critical_amount,
    load_language_model,
    measure_checkpoints,
    next_token_loss,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning"
)
WORDS = ["<unk>", *"abcdefgh"]
FAST = ("--context", 16, "--sequences", 6)


def save(folder, seed, words=WORDS, hidden_size=8):
    """Save a random model of one layer and its tokenizer of words."""
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(words),
        hidden_size=hidden_size,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    known = {word: number for number, word in enumerate(words)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def damaged(folder):
    """Save a model whose file is cut."""
    weights = save(folder, 2) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-64])
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two checkpoints, and a text of the first."""
    folder = tmp_path_factory.mktemp("study")
    one, two = (save(folder / name, seed) for seed, name in enumerate(("one", "two")))
    model, _ = load_language_model(one)
    torch.manual_seed(0)
    ids = torch.ones(25, 1, dtype=torch.long)
    for _ in range(15):
        with torch.no_grad():
            proba = torch.softmax(model(ids).logits[:, -1, 1:], dim=1)
        ids = torch.cat([ids, 1 + torch.multinomial(proba, 1)], dim=1)
    text = folder / "text.txt"
    text.write_text(" ".join(WORDS[i] for i in ids.flatten()))
    return one, two, text


def run(command, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(app, [command, *(str(argument) for argument in arguments)])


def rows_of(result):
    """Return the JSON of standard output, which older runners mix with what is told beside it."""
    assert result.exit_code == 0, result.output
    text = result.stdout
    return pd.DataFrame(json.JSONDecoder().raw_decode(text[text.index("[\n") :])[0])


def sequences_of(study):
    found = _checkpoint_measures.read_checkpoints(
        study[:2], study[2], context=16, n_sequences=6, seed=0, store=None
    )
    return found.sequences


def test_sequences_are_whole_pieces_of_the_text_drawn_without_repetition(study):
    words = study[2].read_text().split()
    pieces = {tuple(words[i : i + 16]) for i in range(0, 400, 16)}
    drawn = [tuple(WORDS[i] for i in row) for row in sequences_of(study).tolist()]
    assert len(set(drawn)) == 6
    assert set(drawn) <= pieces


def test_planes_are_those_of_the_function(study, tmp_path):
    one, two, text = study
    page = tmp_path / "plane.html"
    found = rows_of(run("plane", one, two, "--text", text, *FAST, "--json", "--out", page))
    alone = measure_checkpoints(
        [one, two], sequences_of(study).tolist(), context=16, progress=False
    ).to_frame()
    assert list(found["checkpoint"].unique()) == ["one", "two"]
    assert found["complexity"].to_numpy() == pytest.approx(alone["complexity"].to_numpy())
    assert "<svg" in page.read_text()
    assert "expressivity_null" in page.read_text()


def test_critical_amounts_are_those_of_the_function_and_kept(study, tmp_path, monkeypatch):
    one, two, text = study
    out, store = tmp_path / "bits.csv", tmp_path / "store"
    options = (*FAST, "--tolerance", 0.2, "--store", store)
    found = rows_of(run("compress", one, two, "--text", text, *options, "--json", "--out", out))
    alone = critical_amount(
        load_language_model(one)[0],
        next_token_loss,
        sequences_of(study),
        Quantization(),
        tolerance=0.2,
        progress=False,
    )
    assert found["value"][0] == pytest.approx(alone.value)
    assert pd.read_csv(out)["size"][0] == pytest.approx(alone.size)

    def measure_again(*_args):
        raise AssertionError("measured again")

    monkeypatch.setattr(Quantization, "measure", measure_again)
    again = rows_of(run("compress", one, two, "--text", text, *options, "--json"))
    assert again.equals(found)
    other = run("compress", one, two, "--text", text, *options, "--seed", 1)
    assert other.exit_code == 2
    assert "differs in data" in " ".join(other.output.split())


def test_coefficients_and_their_price(study, tmp_path):
    one, two, text = study
    picture = tmp_path / "chains.png"
    options = (*FAST, "--max-seconds", 0.5, "--out", picture)
    bad = damaged(tmp_path / "bad")
    result = run("llc", one, bad, two, "--text", text, *options, "--json")
    found = rows_of(result)
    assert list(found["checkpoint"]) == ["one", "two"]
    assert found["inverse_temperature"].nunique() == 1
    assert "about 0.5 s each, 1.5 s in all" in " ".join(result.output.split())
    assert "Skipped bad." in result.output
    assert picture.stat().st_size > 1000


def test_both_in_one_table_with_one_store(study, tmp_path):
    one, two, text = study
    options = (*FAST, "--max-seconds", 0.5, "--tolerance", 0.2, "--store", tmp_path)
    found = rows_of(run("profile", one, two, "--text", text, *options, "--json"))
    bits = rows_of(run("compress", one, two, "--text", text, *FAST, "--tolerance", 0.2, "--json"))
    assert found["critical"].equals(bits["value"])
    assert found["critical"].notna()[0]
    again = rows_of(
        run("llc", one, two, "--text", text, *options[:6], "--store", tmp_path, "--json")
    )
    assert list(found["llc"]) == list(again["value"])


@pytest.mark.slow
def test_four_checkpoints_have_a_line_and_a_caution(study, tmp_path):
    """Four that are one model, more and more blurred: the text is that of the sharpest."""
    model, tokenizer = load_language_model(study[0])
    folders = []
    for scale in (1.0, 0.9, 0.8, 0.7):
        folder = tmp_path / f"scale {scale}"
        with torch.no_grad():
            model.lm_head.weight.mul_(scale)
        for part in (model, tokenizer):
            part.save_pretrained(folder)
        folders.append(folder)
    options = (*FAST, "--max-seconds", 0.5, "--tolerance", 0.1)
    page = tmp_path / "profile.html"
    found = run("profile", *folders, "--text", study[2], *options, "--out", page)
    assert found.exit_code == 0, found.output
    assert "no evidence" in " ".join(found.output.split())
    assert "<svg" in page.read_text()


def test_a_damaged_checkpoint_is_skipped_and_said(study, tmp_path):
    one, _, text = study
    bad = damaged(tmp_path / "bad")
    result = run("plane", bad, one, "--text", text, *FAST, "--json")
    assert list(rows_of(result)["checkpoint"].unique()) == ["one"]
    assert "Skipped bad." in result.output
    alone = run("compress", bad, "--text", text, *FAST)
    assert alone.exit_code == 2
    assert "none of 1" in " ".join(alone.output.split())


@pytest.mark.parametrize("config", ["[]", "null", "{"])
def test_a_checkpoint_whose_configuration_is_none_is_skipped_and_said(study, tmp_path, config):
    one, _, text = study
    bad = save(tmp_path / "bad", 2)
    (bad / "config.json").write_text(config)
    result = run("plane", bad, one, "--text", text, *FAST, "--json")
    assert list(rows_of(result)["checkpoint"].unique()) == ["one"]
    assert "Skipped bad." in result.output


def test_ctrl_c_says_how_to_go_on(study, tmp_path, monkeypatch):
    def stop(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Quantization, "measure", stop)
    store = tmp_path / "kept"
    result = run("compress", study[0], "--text", study[2], *FAST, "--store", store)
    assert result.exit_code == 130
    assert f"kept in {store}: the same command goes on" in result.output.replace("\n", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("gpt2", "--text", "TEXT"), "Nothing is downloaded"),
        (("ONE", "--text", "missing.txt"), "which is not there"),
        (("ONE", "ONE", "--text", "TEXT"), "more than once"),
        (("ONE", "OTHER", "--text", "TEXT"), "one tokenizer"),
        (("ONE", "--text", "TEXT", "--context", "64"), "Pass --context 32"),
        (("ONE", "--text", "TEXT", "--context", "4"), "at least 8 tokens"),
        (("ONE", "--text", "SHORT"), "at least 16 tokens, the context, got 2"),
        (("ONE", "--text", "BYTES"), "UTF-8"),
        (("ONE", "--text", "TEXT", "--out", "plane.pdf"), "ends in .csv, .html, .png"),
        (("ONE", "--text", "TEXT", "--out", "nowhere/plane.csv"), "Expected a folder"),
        (("ONE", "--text", "TEXT", "--sequences", "0"), "sequences"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(study, tmp_path, change, message):
    short, bytes_ = tmp_path / "short.txt", tmp_path / "bytes.txt"
    short.write_text("a b")
    bytes_.write_bytes(b"\xff\xfe\xff")
    places = {"ONE": study[0], "TEXT": study[2], "SHORT": short, "BYTES": bytes_}
    if "OTHER" in change:
        places["OTHER"] = save(tmp_path / "other", 0, words=WORDS[::-1])
    found = run("plane", "--context", 16, *(places.get(part, part) for part in change))
    assert found.exit_code == 2
    assert message in " ".join(found.output.split())
    assert "Traceback" not in found.output


def test_a_limit_of_no_time_is_refused(study):
    found = run("llc", study[0], "--text", study[2], *FAST, "--max-seconds", 0)
    assert found.exit_code == 2
    assert "max-seconds above 0" in found.output


def test_a_missing_extra_is_named(study, monkeypatch):
    monkeypatch.setattr(_checkpoint_measures, "find_spec", lambda _name: None)
    found = run("plane", study[0], "--text", study[2])
    assert found.exit_code == 2
    assert "[llm]" in found.output
