"""The command line, also as `python -m sklearn_learnability`."""

from sklearn_learnability._validation import missing_package


def main() -> None:
    """Run the command line, or say which packages it needs."""
    try:
        from sklearn_learnability.report._command_line import app
    except ImportError as error:
        needed = missing_package("typer and rich", "report", "read the command line")
        raise SystemExit(str(needed)) from error
    app()


if __name__ == "__main__":
    main()
