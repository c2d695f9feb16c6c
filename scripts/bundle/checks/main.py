"""Runs the checks of a bundle. run-gpu-checks.sh starts it; its --help lists the options."""

import argparse
import json
import signal
import sys
from pathlib import Path

import lessons
import machine
import processes
import tools
from report import Report

BUNDLE = Path(__file__).resolve().parents[1]
PARTS = ["tests", "cuda", "train", "time", "graph", "sanitize"]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the exit runs the `finally` that ends the check
    options = parse_options()
    manifest = json.loads((BUNDLE / "bundle.json").read_text())
    found = machine.probe()
    problem = machine.problem(found, manifest)
    if problem:
        fail(problem)
    missing = machine.missing_gpu(found, manifest, options.device)
    try:
        machine.prepare(BUNDLE, found)
        report = Report(options.report, machine.describe(found, manifest, options.device))
        runner = processes.Runner(BUNDLE, options.device, options.timeout)
        doctor(runner, report, missing)
        if missing:
            report.failed("GPU", missing)
            report.add("", "no other check ran")
        else:
            run(options, manifest, found, runner, report)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}: copy this folder, with its permissions, to a place where you can write")
    print(f"\nThe report is {options.report}; the output of each check is in {BUNDLE / 'logs'}")
    if missing:
        sys.exit(2)
    sys.exit(0 if report.passed() else 1)


def doctor(runner, report, missing):
    """Checks each step to the device. If one fails, the report contains the whole output of doctor."""
    result = runner.run("doctor", [BUNDLE / "bin/text-rnn", "doctor", "--device", runner.device])
    if missing or not result.ok:
        result.notes = result.printed.splitlines()
    report.check(result)


def run(options, manifest, found, runner, report):
    if not found["numpy"]:
        report.failed("NumPy", "this Python has no NumPy, which the notebooks need: pip install numpy")
    # The most important checks come first, for a report that is cut off.
    if "train" in options.only:
        for lesson in lessons.LESSONS:
            report.check(lessons.train(runner, lesson))
    if "cuda" in options.only:
        for result in runner.cuda_tests(manifest["tests"]):
            report.check(result)
    if "time" in options.only and found["numpy"]:
        lessons.time(runner, options.rounds, report)
    if "graph" in options.only:
        report.check(tools.graph_probe(runner, options.rounds))
    if "sanitize" in options.only:
        report.check(tools.sanitize(runner))
    if "tests" in options.only:
        for result in runner.cpu_tests(manifest["tests"], manifest["torch"]):
            report.check(result)


def parse_options():
    parser = argparse.ArgumentParser(prog="run-gpu-checks.sh", usage="run-gpu-checks.sh [OPTIONS], see --help", add_help=False)
    parser.add_argument("--device", type=device, default="cuda")
    parser.add_argument("--only", type=parts, default=PARTS)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--timeout", type=positive, default=900)
    parser.add_argument("--report", type=Path, default=BUNDLE / "report.txt")
    options = parser.parse_args()
    options.report = options.report.absolute()
    if options.report.is_fifo() or options.report.is_dir():  # writing to a FIFO without a reader would block
        parser.error(f"--report {options.report}: a FIFO or a folder; name a file")
    return options


def device(text):
    kind, _, index = text.partition(":")
    if text != "cpu" and (kind != "cuda" or text.endswith(":") or (index and not index.isdecimal())):
        raise argparse.ArgumentTypeError(f"{text!r} is not cpu, cuda or cuda:N")
    return text


def parts(text):
    chosen = text.split(",")
    for part in chosen:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"{part!r} is not one of {', '.join(PARTS)}")
    return chosen


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def fail(message):
    print(f"run-gpu-checks.sh: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
