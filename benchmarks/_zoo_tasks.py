"""Held-out tasks for small language models: two other domains, last words, brackets and copies."""

import json
import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import torch
from torch.nn import functional as F

CONTEXT = 64
SENTENCE_END = re.compile(r" [A-Za-z]{3,}(?=\.(?:\s|$))")  # a token begins with its space
CLOSES = {"(": ")", "[": "]", "{": "}"}
COPIED = CONTEXT // 2  # tokens


@dataclass(frozen=True)
class Tasks:
    """Rows of tokens (N, 64) of every task, and what is asked of them."""

    validation: torch.Tensor
    test: torch.Tensor
    prose: torch.Tensor
    code: torch.Tensor
    last_words: torch.Tensor
    word_lengths: torch.Tensor  # tokens of the last word, at the end of a row
    brackets: torch.Tensor  # rows before a closing bracket
    closing: torch.Tensor  # which of )]} follows
    closing_tokens: torch.Tensor  # for each token 0, 1 or 2 if it begins with )]}, else -1
    copies: torch.Tensor  # a piece of code, twice

    def scores(self, model):
        """Return a score a task, higher is better; those of losses are nats a token, negated."""
        return {
            "validation": -next_token_loss(model, self.validation),
            "test": -next_token_loss(model, self.test),
            "prose": -next_token_loss(model, self.prose),
            "code": -next_token_loss(model, self.code),
            "last_word": self._last_word(model),
            "bracket": self._bracket(model),
            "copy": self._copy(model),
        }

    def _last_word(self, model):
        """Return the share of last words that the model would have written."""
        found = logits_of(model, self.last_words)[:, :-1].argmax(-1) == self.last_words[:, 1:]
        places = torch.arange(found.shape[1] - 1, -1, -1)
        asked = places[None] < self.word_lengths[:, None]
        return float((found | ~asked).all(1).double().mean())

    def _bracket(self, model):
        """Return the balanced accuracy at choosing among the three closing brackets."""
        proba = logits_of(model, self.brackets)[:, -1].softmax(-1)
        mass = torch.stack([proba[:, self.closing_tokens == i].sum(1) for i in range(3)], dim=1)
        right = (mass.argmax(1) == self.closing).double()
        return float(torch.stack([right[self.closing == i].mean() for i in range(3)]).mean())

    def _copy(self, model):
        """Return how many nats less a token costs the second time, the first of a copy left out."""
        logits, targets = logits_of(model, self.copies)[:, :-1], self.copies[:, 1:]
        nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        nats = nats.view(targets.shape).double().mean(0)
        return float(nats[: COPIED - 1].mean() - nats[COPIED:].mean())


@torch.inference_mode()
def logits_of(model, rows):
    """Return the logits (N, T, V) of rows, in batches."""
    return torch.cat([model(batch) for batch in rows.split(64)])


def next_token_loss(model, rows):
    """Return nats a token."""
    return float(
        F.cross_entropy(logits_of(model, rows)[:, :-1].flatten(0, 1), rows[:, 1:].flatten())
    )


def make_tasks(tokenizer, held_out, n_rows=256):
    """Return the tasks; no model has seen their texts."""
    half = len(held_out) // 2
    code = source_code()
    closing_rows, closing = bracket_rows(tokenizer, [*held_out[half:], *code])
    word_rows, lengths = last_word_rows(tokenizer, held_out[half:])
    code_rows = text_rows(tokenizer, code, n_rows)
    return Tasks(
        validation=text_rows(tokenizer, held_out[:half], n_rows),
        test=text_rows(tokenizer, held_out[half:], n_rows),
        prose=text_rows(tokenizer, [*topics.values()], n_rows),
        code=code_rows,
        last_words=word_rows,
        word_lengths=lengths,
        brackets=closing_rows,
        closing=closing,
        closing_tokens=closing_tokens(tokenizer),
        copies=code_rows[:, :COPIED].repeat(1, 2),
    )


def source_code():
    """Return the code of the standard library without its strings and comments, a file a text."""
    folder = Path(sysconfig.get_path("stdlib"))
    texts = []
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        text = re.sub(r'("""|\'\'\')(.|\n)*?\1', "", text)
        texts.append(re.sub(r"#.*", "", text))
    return [text for text in texts if len(text) > 1000]


def text_rows(tokenizer, texts, n_rows):
    """Return rows of 64 tokens, as many from each text as it has, drawn at random."""
    encoded = [np.array(found.ids) for found in tokenizer.encode_batch(texts)]
    rows = [ids[at : at + CONTEXT] for ids in encoded for at in range(0, len(ids), CONTEXT)]
    return draw([row for row in rows if len(row) == CONTEXT], n_rows)[0]


def draw(rows, n_rows, *others):
    """Return some of the rows at random, and what belongs to them."""
    order = np.random.RandomState(0).permutation(len(rows))[:n_rows]
    return [torch.from_numpy(np.array([column[i] for i in order])) for column in (rows, *others)]


def last_word_rows(tokenizer, texts, n_rows=1000):
    """Return rows that end with the last word of a sentence, and its number of tokens."""
    rows, lengths = [], []
    for text in texts:
        encoded = tokenizer.encode(text)
        starts = np.array([start for start, _ in encoded.offsets])
        for match in SENTENCE_END.finditer(text):
            end = int(np.searchsorted(starts, match.end()))
            first = int(np.searchsorted(starts, match.start()))
            if end >= CONTEXT and end > first and starts[first] == match.start():
                rows.append(encoded.ids[end - CONTEXT : end])
                lengths.append(end - first)
    return draw(rows, n_rows, lengths)


def bracket_rows(tokenizer, texts, n_each=300):
    """Return rows before a closing bracket, as many of each kind, and which kind closes."""
    found = {closer: [] for closer in CLOSES.values()}
    first = {closer: set() for closer in found}
    for token, i in tokenizer.get_vocab().items():
        if token.lstrip("Ġ")[:1] in first:
            first[token.lstrip("Ġ")[0]].add(i)
    for text in texts:
        encoded = tokenizer.encode(text)
        starts = np.array([start for start, _ in encoded.offsets])
        for place in matched_closers(text):
            at = int(np.searchsorted(starts, place))
            begins = at < len(starts) and starts[at] == place and at >= CONTEXT
            if begins and encoded.ids[at] in first[text[place]]:
                found[text[place]].append(encoded.ids[at - CONTEXT : at])
    parts = [draw(rows, n_each)[0] for rows in found.values()]
    kinds = torch.cat([torch.full((len(part),), i) for i, part in enumerate(parts)])
    return torch.cat(parts), kinds


def matched_closers(text):
    """Yield the places of closing brackets that close the last one opened."""
    opened = []
    for i, letter in enumerate(text):
        if letter in CLOSES:
            opened.append(letter)
        elif letter in CLOSES.values():
            if opened and CLOSES[opened[-1]] == letter:
                yield i
                opened.pop()
            else:
                opened.clear()


def closing_tokens(tokenizer):
    """Return for each token which closing bracket it begins with, -1 for none."""
    kinds = torch.full((tokenizer.get_vocab_size(),), -1)
    for token, i in tokenizer.get_vocab().items():
        kinds[i] = ")]}".find(token.lstrip("Ġ")[0]) if token.lstrip("Ġ") else -1
    return kinds


def read_held_out(folder):
    """Return the texts held out of a zoo."""
    return json.loads((folder / "held_out.json").read_text())
