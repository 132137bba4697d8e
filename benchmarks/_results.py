"""What every benchmark does with its measurements: CPU seconds, peak memory, and rows for JSON."""

import json
import re
import time
from pathlib import Path


def cpu_seconds(function, *arguments):
    """Return the CPU seconds that a call took, and what it returned."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


def peak_megabytes(function, *arguments):
    """Return the peak memory of the process during a call, and what the call returned. Linux only.

    The peak is set back to what is resident before the call. `resource.getrusage` cannot do that,
    and what it says of a program begins at the peak of the program that started it.
    """
    Path("/proc/self/clear_refs").write_text("5")
    result = function(*arguments)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak[1]) / 1024, result


def records(table, decimals=6):
    """Return the rows of a table as JSON has them: rounded, None where there is no number."""
    return json.loads(table.to_json(orient="records", double_precision=decimals))
