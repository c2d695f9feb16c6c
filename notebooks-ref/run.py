"""Runs a reference notebook as a plain Python program: its code cells in order, without Jupyter and without plots.

    .venv/bin/python notebooks-ref/run.py notebooks-ref/text_rnn.ipynb --seed 3 --out /tmp/text-rnn

Cells tagged `plot` are skipped. The options replace values of the cell tagged `parameters`. With --checkpoint, trained
weights are loaded in place of the cells tagged `training`. README.md in this folder describes the files in --out.
"""

import argparse
import hashlib
import json
import linecache
import os
import platform
import sys
from pathlib import Path

try:
    import numpy as np
    import torch
except ModuleNotFoundError as error:
    sys.exit(f"run.py: {error}: scripts/setup.sh --full installs it; then use .venv/bin/python")

PARAMETERS = ("seed", "threads", "epochs", "limit")
KEPT_WHOLE = 2000  # elements; about KEPT of a larger tensor are kept
KEPT = 1000


def main():
    options = parse_options()
    replaced = {name: getattr(options, name) for name in PARAMETERS if getattr(options, name) is not None}
    state = None if options.checkpoint is None else load_checkpoint(options.checkpoint)
    out = options.out and options.out.absolute()
    notebook = options.notebook.absolute()
    cells = code_cells(notebook)
    os.chdir(notebook.parent)  # Jupyter's working directory
    try:
        namespace, parameters = execute(cells, replaced, state)
    except FileNotFoundError as error:
        fail(error)
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    if state is None:
        torch.save(namespace["model"].state_dict(), out / "model.pt")
    head = describe(notebook, cells, parameters, options.checkpoint)
    groups = [group for group in namespace["results"] if state is None or group in ("predictions", "scores")]
    quantities = [
        quantity(group, name, tensor, options.all_values)
        for group in groups
        for name, tensor in namespace["results"][group].items()
    ]
    write(out / "reference.json", head, quantities)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--seed", type=int, metavar="N", help="of torch's random numbers, instead of the notebook's")
    parser.add_argument("--threads", type=positive, metavar="N", help="for torch, instead of the notebook's")
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the notebook's")
    parser.add_argument("--limit", type=positive, metavar="N", help="batches per epoch, for a notebook with batches")
    parser.add_argument("--out", type=Path, metavar="DIR", help="receives model.pt and reference.json")
    parser.add_argument("--all-values", action="store_true", help="keep every element of every tensor in reference.json")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="a model.pt or checkpoint.pt to predict with, instead of training"
    )
    options = parser.parse_args()
    if options.checkpoint and (options.epochs or options.limit):
        parser.error("--checkpoint trains nothing: it goes with neither --epochs nor --limit")
    return options


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


positive.__name__ = "positive number"  # for argparse's message "invalid .. value"


def load_checkpoint(path):
    """Returns the state_dict of a model.pt, or the entry "model" of a checkpoint.pt."""
    try:
        loaded = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        fail(f"--checkpoint {path}: {error.strerror}")
    except Exception:  # of several types; the messages advise to trust the file
        loaded = None
    if not isinstance(loaded, dict):
        fail(f"--checkpoint {path}: no state_dict or checkpoint that torch.load reads with weights_only=True")
    return loaded["model"] if isinstance(loaded.get("model"), dict) else loaded


def code_cells(notebook):
    """Returns the source and the tags of each code cell."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        fail(f"cannot read the notebook {notebook}: {error}")
    return [
        ("".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def execute(cells, replaced, state):
    """Runs the cells in a new namespace. Returns it and the values of the cell tagged `parameters`."""
    namespace = {"__name__": "__main__"}
    parameters = {}
    for number, (source, tags) in enumerate(cells, 1):
        if "plot" in tags:
            continue
        if "training" in tags and state is not None:
            load_weights(namespace["model"], state)
            continue
        known = set(namespace)
        name = f"<code cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for tracebacks
        exec(compile(source, name, "exec"), namespace)
        if "parameters" in tags:
            parameters = {key: value for key, value in namespace.items() if key not in known and key != "__builtins__"}
            for key in replaced.keys() - parameters.keys():
                fail(f"--{key}: the notebook has no such parameter")
            parameters.update(replaced)
            namespace.update(replaced)
    return namespace, parameters


def load_weights(model, state):
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        fail(f"--checkpoint: {error}")


def describe(notebook, cells, parameters, checkpoint):
    """Returns everything that the numbers of a run depend on: notebook, versions, CPU, seed, threads, options."""
    sources = "\n\n".join(source for source, _ in cells)
    return {
        "format": 1,
        "lesson": notebook.stem.replace("_", "-"),
        "notebook": notebook.name,
        "notebook_sha256": hashlib.sha256(sources.encode()).hexdigest(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "cpu": {
            "capability": torch.backends.cpu.get_cpu_capability(),
            "machine": platform.machine(),
            "model": cpu_model(),
        },
        "seed": parameters["seed"],
        "threads": torch.get_num_threads(),
        "checkpoint": checkpoint and str(checkpoint),
        "options": {key: value for key, value in parameters.items() if key not in ("seed", "threads")},
    }


def cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def quantity(group, name, tensor, all_values):
    """Returns the digest of a tensor's bytes, and all or some of its values."""
    array = tensor.numpy()
    flat = array.reshape(-1)
    stride = 1
    if not all_values and group == "batch order":
        flat = flat[:KEPT]
    elif not all_values and group != "losses" and flat.size > KEPT_WHOLE:
        stride = -(-flat.size // KEPT)
        flat = flat[::stride]
    if not np.isfinite(flat).all():
        fail(f"{group}, {name}: holds numbers that are not finite, which JSON cannot hold")
    # str() gives the shortest decimal number that reads back as the same float32. tolist() converts to float64 first.
    values = [float(str(value)) for value in flat] if flat.dtype == np.float32 else flat.tolist()
    assert np.array_equal(np.array(values, dtype=flat.dtype), flat), f"{group}, {name}: does not read back"
    return {
        "group": group,
        "name": name,
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
        "stride": stride,
        "kept": len(values),
        "values": values,
    }


def write(path, head, quantities):
    """Writes JSON with one line for each entry and quantity, so that a diff shows which of them changed."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = ",\n".join(json.dumps(row, separators=(",", ":"), allow_nan=False) for row in quantities)
    path.write_text("\n".join(["{", *lines, '"quantities": [', rows, "]", "}"]) + "\n")


def fail(message):
    sys.exit(f"run.py: {message}")


if __name__ == "__main__":
    main()
