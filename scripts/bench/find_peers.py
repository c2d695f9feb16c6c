"""Finds other libraries: those that can run lesson 3's training step, and engines for inference."""

import os
import subprocess
import sys

import common

FOLDER = "scripts/bench/peers"
TRAINING_PYTHON = ("jax", "tensorflow")
TRAINING_RUST = ("candle", "burn")
ONNX_ENGINES = ("onnxruntime", "openvino", "tract")
NATIVE = {"RUSTFLAGS": "-C target-cpu=native"}  # for libraries that choose their kernels at compile time


def training(python):
    """(name, command) of each library that is installed. Prints which ones are not."""
    found = [(name, [python, f"{FOLDER}/{name}_step.py"]) for name in TRAINING_PYTHON if has(python, name)]
    return found + build(TRAINING_RUST, **NATIVE)


def engines(python):
    """(name, command) of `rnn-runtime` and of each engine that is installed. Prints which ones are not."""
    found = build(["rnn-runtime"])  # compiled as its users compile it
    found += [("candle", command) for _, command in build(["candle"], "-engine", **NATIVE)]
    if not has(python, "onnx"):
        common.progress(f"peers: {', '.join(ONNX_ENGINES)} are skipped: they read networks that onnx writes")
        return found
    if has(python, "onnxruntime"):
        [(_, command)] = build(["onnxruntime"])
        found.append(("onnxruntime", [*command, onnxruntime_library(python)]))
    if has(python, "openvino"):
        found.append(("openvino", [python, f"{FOLDER}/openvino_engine.py"]))
    return found + build(["tract"], **NATIVE)


def onnxruntime_library(python):
    """The shared library in the Python package."""
    code = "import glob, onnxruntime; print(glob.glob(onnxruntime.__path__[0] + '/capi/libonnxruntime.*')[0])"
    return subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def has(python, name):
    found = subprocess.run([python, "-c", f"import {name}"], stderr=subprocess.DEVNULL).returncode == 0
    if not found:
        common.progress(f"peers: {name} is skipped: {python} does not have it; --peer-python names another")
    return found


def build(names, suffix="", **variables):
    """Builds the programs of the package `peers` that have these names and this suffix, each with the feature of its name."""
    environment = {**os.environ, **variables}
    programs = [argument for name in names for argument in ("--bin", name + suffix)]
    command = ["cargo", "build", "--release", "--quiet", "--manifest-path", f"{FOLDER}/Cargo.toml", "--target-dir", "target/peers",
               "--features", ",".join(names), *programs]
    if subprocess.run(command, env=environment).returncode != 0:
        sys.exit(f"bench.py: cargo build of {FOLDER} failed (see above)")
    return [(name, [f"target/peers/release/{name}{suffix}"]) for name in names]
