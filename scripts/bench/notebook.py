"""Runs a reference notebook as a program, and prints on its last line how many seconds the training took.

    .venv/bin/python scripts/bench/notebook.py NOTEBOOK --threads N [--epochs N] [--limit N]

The code cells run in order, but for the plots and for the last cell, which only gathers what a comparison wants.
"""

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "notebooks-ref"))
import run  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    for name in ("threads", "epochs", "limit"):
        parser.add_argument(f"--{name}", type=int)
    options = vars(parser.parse_args())
    notebook = options.pop("notebook").resolve()
    replaced = {name: value for name, value in options.items() if value is not None}
    os.chdir(notebook.parent)  # where Jupyter runs it
    namespace = {"__name__": "__main__"}
    for source, tags in run.code_cells(notebook)[:-1]:
        if "plot" in tags:
            continue
        code = compile(source, notebook.name, "exec")
        begun = time.perf_counter()
        exec(code, namespace)
        if "parameters" in tags:
            namespace.update(replaced)
        if "training" in tags:
            seconds = time.perf_counter() - begun
    print(seconds)


if __name__ == "__main__":
    main()
