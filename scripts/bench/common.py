"""Constants and functions that the parts of bench.py share."""

import csv
import os
import statistics
import sys
from contextlib import contextmanager

PYTHON = ".venv/bin/python"
PYTORCH = "pytorch"
BACKENDS = ("exact", "fused")  # of this workspace
CONFIGS = (PYTORCH, *BACKENDS)


def binary(name, profile="release"):
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "debug" if profile == "dev" else profile, name)


def progress(line):
    print(line, file=sys.stderr, flush=True)


class Table:
    def __init__(self, file, columns):
        self.file = file
        self.rows = csv.DictWriter(file, columns)
        self.rows.writeheader()

    def write(self, **row):
        """Writes the row at once, so that a run that is stopped keeps its measurements."""
        self.rows.writerow(row)
        self.file.flush()


@contextmanager
def table(path, columns):
    with open(path, "w", newline="") as file:
        yield Table(file, columns)


def grouped(rows, keys, quantities):
    """{key values: {quantity: (median, lowest, highest)}}, in the order of the rows."""
    groups = {}
    for row in rows:
        group = groups.setdefault(tuple(row[key] for key in keys), {name: [] for name in quantities})
        for name in quantities:
            group[name].append(float(row[name]))
    return {
        key: {name: (statistics.median(values), min(values), max(values)) for name, values in group.items()}
        for key, group in groups.items()
    }
