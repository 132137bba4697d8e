"""Errors speak one grammar: what was expected, what was got, and what to do about it."""

import ast
from pathlib import Path

import pytest

import sklearn_learnability

PACKAGE = Path(sklearn_learnability.__file__).parent
#: The torch wing's errors are in the same grammar, checked where they are raised.
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "torch" not in path.parts]
#: Makes the error of a package that is not installed, in the grammar itself.
MADE_ELSEWHERE = {"missing_package"}


def text_of(node):
    """Return the text of a message, its formatted values as "{}"."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return "{}"


def messages(path):
    """Return the messages of all errors raised in a file, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            made_by = ast.unparse(node.exc.func)
            if made_by not in MADE_ELSEWHERE:
                yield node.lineno, text_of(node.exc.args[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_errors_say_what_was_expected_and_what_was_got(path):
    others = [
        f"{path.name}:{line}: {message}"
        for line, message in messages(path)
        if not (message.startswith("Expected ") and "got " in message)
    ]
    assert others == []


def test_the_scan_finds_the_errors():
    assert sum(len(list(messages(path))) for path in FILES) > 80
