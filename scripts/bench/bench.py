"""Compares the speed of this workspace with PyTorch eager on this machine: whole lessons, their dev builds, single calls, a sweep
over sizes, and packed sequences; with --peers also with other libraries.

The section `engines` times inference in PyTorch, exact, fused, rnn-runtime, candle, ONNX Runtime, OpenVINO and tract, with the same
weights and inputs, in float32, and compares the outputs. The section `peers` times a training step in JAX, TensorFlow, candle and
burn. Python packages that are not installed are skipped: onnx, onnxruntime, openvino; jax, tensorflow.

All configurations take turns, round after round, so that all run under the same conditions. One computes at a time, in processes
that live for one round. A figure is the median over the rounds, followed by the lowest and the highest. The tables are printed and,
with their raw numbers and the plot of the sweep, written to --out; no other file is written. The full run takes about an hour. Keep
the machine idle during the run.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import cases
import common
import engines
import find_peers
import lessons
import machine
import report

SECTIONS = ("lessons", "profiles", "inference", "sweep", "packed", "engines", "peers")
OTHERS = ("engines", "peers")  # with --peers


def main():
    options = parse_options()
    find_torch()
    options.out.mkdir(parents=True, exist_ok=True)
    about = machine.describe(shlex.join(["scripts/bench.sh", *sys.argv[1:]]))
    loads = {"before": say_load("before the build", machine.cores_in_use())}
    build(options.sections)
    for section in options.sections:
        load = machine.Load()
        if section == "lessons":
            lessons.measure(options, options.out)
        elif section == "profiles":
            lessons.measure_profiles(options, options.out)
        elif section == "inference":
            cases.measure_inference(options, options.out)
        elif section == "sweep":
            cases.measure_sweep(options, options.out)
        elif section == "packed":
            cases.measure_packed(options, options.out)
        elif section == "engines":
            engines.measure(options, options.out)
        else:
            cases.measure_peers(options, options.out, find_peers.training(options.peer_python))
        loads[section] = say_load(section, load.cores())
    about["Others on the machine"] = report.loads(loads, os.getloadavg())
    (options.out / "machine.json").write_text(json.dumps(about, indent=1) + "\n")
    if "sweep" in options.sections:
        subprocess.run([common.PYTHON, "scripts/bench/plot.py", options.out], check=True)
    text = report.markdown(about, options.out, options.sections)
    (options.out / "report.md").write_text(text)
    print(text, end="")


def parse_options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("models/bench"), help="[models/bench]")
    parser.add_argument("--rounds", type=positive, metavar="N", default=5, help="rounds of every configuration [5]")
    parser.add_argument(
        "--threads", type=counts, metavar='"N .."', default=[1, 2], help='thread counts, one after the other ["1 2"]'
    )
    parser.add_argument("--only", choices=SECTIONS, help="run only this section")
    parser.add_argument("--peers", action="store_true", help="also run the sections engines and peers")
    parser.add_argument(
        "--peer-python", metavar="FILE", default=common.PYTHON, help=f"the Python that has the other libraries [{common.PYTHON}]"
    )
    parser.add_argument("--quick", action="store_true", help="two rounds of a few small cases, to check that everything runs")
    options = parser.parse_args()
    if options.quick:
        options.rounds = min(options.rounds, 2)
    if options.only:
        options.sections = [options.only]
    else:
        options.sections = [section for section in SECTIONS if section not in OTHERS or options.peers]
    return options


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def counts(text):
    return [positive(part) for part in text.split()]


positive.__name__ = counts.__name__ = "positive number"  # for argparse's message "invalid .. value"


def find_torch():
    command = [common.PYTHON, "-c", "import torch, matplotlib"]
    try:
        found = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        sys.exit(f"bench.py: {error}: scripts/setup.sh --full installs PyTorch into .venv")
    if found.returncode != 0:
        sys.exit(f"bench.py: {found.stderr.splitlines()[-1]}: scripts/setup.sh --full installs what is missing into .venv")


def build(sections):
    packages = [argument for program in lessons.LESSONS for argument in ("-p", program.split()[0])]
    builds = []
    if {"lessons", "profiles"} & set(sections):
        builds.append(["--release", *packages])
    if set(sections) - {"lessons", "profiles"}:
        builds.append(["--release", "-p", "recurrent", "--example", "bench"])
    if "profiles" in sections:
        builds.append(packages)
    for what in builds:
        if subprocess.run(["cargo", "build", "--quiet", *what]).returncode != 0:
            sys.exit("bench.py: cargo build failed (see above)")


def say_load(when, cores):
    if cores is not None and cores > machine.BUSY:
        common.progress(f"warning: {when}: other programs kept {cores:.1f} cores busy; the times are not reliable")
    return cores


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # --out has the measurements so far
