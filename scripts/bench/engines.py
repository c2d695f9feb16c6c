"""Inference of whole networks, and of a stream of single time steps, in this workspace and in other engines."""

import csv
import itertools
import json
import os
import subprocess
import sys
import tempfile

import cases
import common
import find_peers

OURS = (*common.BACKENDS, "rnn-runtime")  # the rest are peers

NETWORKS = {
    "mnist-gru": {**cases.MNIST},
    "text-rnn": {**cases.LAYER, "cell": "rnn", "input_size": 9, "hidden_size": 5, "num_layers": 1, "length": 2, "classes": 9},
    "stock-lstm": {**cases.LAYER, "cell": "lstm", "input_size": 5, "hidden_size": 10, "num_layers": 1, "length": 7, "classes": 1},
    "bidirectional LSTM": {**cases.LAYER, "cell": "lstm", "input_size": 256, "hidden_size": 256, "num_layers": 2, "length": 50,
                           "classes": None, "bidirectional": True},
}
BATCHES = (1, 16, 100)
STREAM = {**cases.LAYER, "cell": "gru", "input_size": 128, "hidden_size": 128, "num_layers": 1, "length": 100, "classes": None}
COLUMNS = ["network", "task", "batch"]


def measure(options, out):
    """Appends a row for each turn to engines.csv. The column `value` is the largest difference from the float64 result."""
    works = [
        {**network, "network": name, "task": "forward", "batch": batch}
        for (name, network), batch in itertools.product(NETWORKS.items(), BATCHES)
    ]
    works.append({**STREAM, "network": "GRU stream", "task": "stream", "batch": 1})
    if options.quick:
        works = [work for work in works if work["batch"] == 1]
    peers = find_peers.engines(options.peer_python)
    with tempfile.TemporaryDirectory(dir=out, prefix="networks-") as folder:
        for number, work in enumerate(works):
            work["files"] = os.path.join(os.path.abspath(folder), str(number))
        run(common.PYTHON, "scripts/bench/engine_files.py", works)
        if any(name not in OURS for name, _ in peers):
            run(options.peer_python, f"{find_peers.FOLDER}/onnx_models.py", works)
        cases.measure(works, options, out / "engines.csv", budget=0.2, peers=peers, columns=COLUMNS)


def run(python, script, works):
    if subprocess.run([python, script], input=json.dumps(works), text=True).returncode != 0:
        sys.exit(f"bench.py: {script} failed (see above)")


def read(out):
    """{(network, task, batch, threads): {engine: {"seconds": (median, lowest, highest), "value": ..}}}"""
    networks = {}
    with open(out / "engines.csv", newline="") as file:
        rows = common.grouped(csv.DictReader(file), [*COLUMNS, "threads", "config"], ["seconds", "value"])
    for (*network, engine), figures in rows.items():
        networks.setdefault(tuple(network), {})[engine] = figures
    return networks
