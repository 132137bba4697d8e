"""No function of the package is longer than one can read at once."""

import ast
from pathlib import Path

import pytest

import sklearn_learnability

PACKAGE = Path(sklearn_learnability.__file__).parent
LONGEST = 60


def lengths(source):
    """Return the lines of each function, signature and body without the docstring, by its name."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = node.body[0] if ast.get_docstring(node) is not None else None
            documented = 0 if text is None else text.end_lineno - text.lineno + 1
            found[node.name] = node.end_lineno - node.lineno + 1 - documented
    return found


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_functions_are_short(path):
    found = lengths(path.read_text())
    assert {name: lines for name, lines in found.items() if lines > LONGEST} == {}


def test_lines_are_counted_without_the_docstring():
    source = 'def f(x):\n    """One.\n\n    Two.\n    """\n    y = x\n    return y\n'
    assert lengths(source) == {"f": 3}
