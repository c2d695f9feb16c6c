"""Checks with other tools: the speed of CUDA graphs in PyTorch, and NVIDIA's memory checker."""

import shutil
import sys

SANITIZER = "compute-sanitizer"


def graph_probe(runner, rounds):
    """Adds the tables of graph_probe.py to the report. On a CPU it only checks that the program runs."""
    command = [sys.executable, runner.bundle / "checks/graph_probe.py", f"--device={runner.device}", f"--rounds={rounds}"]
    if runner.device == "cpu":
        command += ["--no-compile", "--steps=5"]
    result = runner.run("graph probe", command)
    if result.ok:
        result.notes = [line for line in result.printed.splitlines() if not line.startswith("{")]
    return result


def sanitize(runner):
    """Two epochs of a lesson under compute-sanitizer's memcheck, or without it if there is no GPU or it is not installed."""
    folder = runner.bundle / "runs/sanitize"
    command = [runner.bundle / "bin/stock-lstm", "--epochs=2", f"--device={runner.device}", f"--out={folder}"]
    command += ["--overwrite", "--no-plots", "--quiet"]
    tool = shutil.which(SANITIZER)
    checked = bool(tool) and runner.device != "cpu"
    if checked:
        # The tool's errors get an exit code that the program does not use.
        command = [tool, "--tool=memcheck", "--error-exitcode=99", "--report-api-errors=no", *command]
    result = runner.run("sanitize", command)
    if result.ok:
        result.text = "no errors" if checked else f"ran without {SANITIZER}: " + ("on a CPU" if tool else "it is not on PATH")
    return result
