"""Configuration of the documentation."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from sklearn_learnability import __version__

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))


def write_tables(folder):
    """Write every table of every benchmark as CSV, from the JSON that the benchmark wrote."""
    folder.mkdir(exist_ok=True)
    for script in sorted(BENCHMARKS.glob("[!_]*.py")):
        if "def tables(results):" in script.read_text():
            benchmark = import_module(script.stem)
            results = json.loads(benchmark.RESULTS.read_text())
            for name, table in benchmark.tables(results).items():
                table.to_csv(folder / f"{name}.csv", index=False)


write_tables(HERE / "_generated")

# sphinx-gallery runs the examples in this process
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "sklearn-learnability"
author = "The sklearn-learnability developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
nitpicky = True
# what the docstrings name that no page of ours describes
nitpick_ignore_regex = [
    (r"py:(class|obj|func|mod|meth|exc|data)", r"(?!sklearn_learnability\.).*"),
]
templates_path = ["_templates"]
default_role = "literal"

autosummary_generate = True
# a function and a class of one name need two file names where case does not count
autosummary_filename_map = {
    "sklearn_learnability.metrics.efficiency": "sklearn_learnability.metrics.efficiency-function"
}
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "none"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "subsection_order": ["../examples/tables", "../examples/networks", "../examples/benchmarks"],
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "show_memory": False,
    "download_all_examples": False,
    "doc_module": ("sklearn_learnability",),
    "backreferences_dir": "api/generated/backreferences",
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
    "default_thumb_file": None,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-learnability"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_sidebars = {
    page: []
    for page in (
        "index",
        "install",
        "quickstart",
        "compare",
        "changelog",
        "release",
        "contributing",
    )
}
html_theme_options = {
    "show_toc_level": 1,
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
}


def skip_generated_methods(app, what, name, obj, skip, options):
    """Leave out scikit-learn's generated set_*_request methods: its pages describe them."""
    return skip or "RequestMethod" in getattr(obj, "__qualname__", "")


#: Classes without a page, of which others are made.
PRIVATE = (
    *("GoldenModel", "GoldenDensityModel", "ScoreRequests", "StepCallback", "TableReader"),
    *("Display", "PanelsDisplay", "FromPredictions", "ComparisonDisplay", "RowValues", "Report"),
)


def leave_out_private_bases(app, name, obj, options, bases):
    """Put their own bases in the place of those that have no page."""
    bases[:] = dict.fromkeys(shown for base in bases for shown in bases_with_a_page(base))


def bases_with_a_page(base):
    """Return a class, or the bases of one that has no page."""
    base = getattr(base, "__origin__", base)  # of one that is told what it holds
    if base.__name__ not in PRIVATE and not base.__module__.startswith("sklearn_learnability._"):
        return [base]
    return [shown for one in base.__bases__ for shown in bases_with_a_page(one)]


def setup(app):
    """Connect the handlers."""
    app.connect("autodoc-process-bases", leave_out_private_bases)
    app.connect("autodoc-skip-member", skip_generated_methods)
