"""What every benchmark does with its measurements: CPU seconds, and rows for JSON."""

import json
import time


def cpu_seconds(function, *arguments):
    """Return the CPU seconds that a call took, and what it returned."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


def records(table, decimals=6):
    """Return the rows of a table as JSON has them: rounded, None where there is no number."""
    return json.loads(table.to_json(orient="records", double_precision=decimals))
