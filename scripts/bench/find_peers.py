"""Finds other libraries that can run lesson 3's training step."""

import os
import subprocess
import sys

import common

FOLDER = "scripts/bench/peers"
PYTHON_PEERS = ("jax", "tensorflow")
RUST_PEERS = ("candle", "burn")


def find(python):
    """(name, command) of each library that is installed. Prints which ones are not."""
    found = []
    for name in PYTHON_PEERS:
        if subprocess.run([python, "-c", f"import {name}"], stderr=subprocess.DEVNULL).returncode == 0:
            found.append((name, [python, f"{FOLDER}/{name}_step.py"]))
        else:
            common.progress(f"peers: {name} is skipped: {python} does not have it; --peer-python names another")
    # These libraries choose their kernels at compile time.
    environment = {**os.environ, "RUSTFLAGS": "-C target-cpu=native"}
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", f"{FOLDER}/Cargo.toml", "--target-dir", "target/peers"]
    if subprocess.run(command, env=environment).returncode != 0:
        sys.exit(f"bench.py: cargo build of {FOLDER} failed (see above)")
    return found + [(name, [f"target/peers/release/{name}"]) for name in RUST_PEERS]
