"""Checks with other tools: what CUDA graphs would give, and NVIDIA's memory checker."""

import shutil
import sys

SANITIZER = "compute-sanitizer"


def graph_probe(runner, rounds):
    """graph_probe.py's tables, in the report as they are. On a CPU it is only shown that it runs."""
    command = [sys.executable, runner.bundle / "checks/graph_probe.py", f"--device={runner.device}", f"--rounds={rounds}"]
    if runner.device == "cpu":
        command += ["--no-compile", "--steps=5"]
    result = runner.run("graph probe", command)
    if result.ok:
        result.notes = [line for line in result.printed.splitlines() if not line.startswith("{")]
    return result


def sanitize(runner):
    """Two epochs of a lesson under compute-sanitizer's memcheck; without a GPU, or where it is not installed, without it."""
    folder = runner.bundle / "runs/sanitize"
    command = [runner.bundle / "bin/stock-lstm", "--epochs=2", f"--device={runner.device}", f"--out={folder}"]
    command += ["--overwrite", "--no-plots", "--quiet"]
    tool = shutil.which(SANITIZER)
    checked = bool(tool) and runner.device != "cpu"
    if checked:
        # An error of the tool's is another exit code than the program's own.
        command = [tool, "--tool=memcheck", "--error-exitcode=99", "--report-api-errors=no", *command]
    result = runner.run("sanitize", command)
    if result.ok:
        result.text = "no errors" if checked else f"ran without {SANITIZER}: " + ("on a CPU" if tool else "it is not on PATH")
    return result
