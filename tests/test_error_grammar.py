"""Errors speak one grammar: what was expected, what was got, and what to do about it."""

import ast
from pathlib import Path

import pytest

import sklearn_learnability

PACKAGE = Path(sklearn_learnability.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
#: What stands for an error of another process that cannot be sent: its type, and its own words.
RELAYED = "{}: {}"


def text_of(node):
    """Return the text of a message, its formatted values as "{}"."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # "...".rstrip()
        return text_of(node.func.value)
    return "{}"


def messages(path):
    """Return the messages of all errors raised, or made to be raised, in a file, with lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        made = node.exc if isinstance(node, ast.Raise) else getattr(node, "value", None)
        if not (isinstance(node, ast.Raise | ast.Return) and isinstance(made, ast.Call)):
            continue
        if ast.unparse(made.func).endswith("Error"):
            yield node.lineno, text_of(made.args[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_errors_say_what_was_expected_and_what_was_got(path):
    others = [
        f"{path.name}:{line}: {message}"
        for line, message in messages(path)
        if message != RELAYED and not (message.startswith("Expected ") and "got " in message)
    ]
    assert others == []


def test_the_scan_finds_the_errors():
    assert sum(len(list(messages(path))) for path in FILES) > 200
