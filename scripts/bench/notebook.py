"""Runs a reference notebook as a program. The last line of the output is the training time in seconds.

    .venv/bin/python scripts/bench/notebook.py NOTEBOOK --threads N [--epochs N] [--limit N]

The code cells run in order, except the plots and the last cell, which only collects the quantities for a comparison.
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
    os.chdir(notebook.parent)  # Jupyter's working directory
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
