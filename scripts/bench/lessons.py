"""Times whole programs: each lesson as a binary of this workspace and as its notebook's program."""

import csv
import itertools
import json
import os
import subprocess
import sys
import time

import common

# The options of both sides. The long lessons run in part, long enough to reach a steady state.
LESSONS = ["text-rnn", "stock-lstm", "mnist-gru --epochs 1 --limit 200", "rnn-lm --epochs 1 --limit 100"]
QUICK = ["text-rnn", "mnist-gru --epochs 1 --limit 10"]

# README.md uses `cargo run` without --release, so a dev build must not be slower. The first two are long enough to be timed.
PROFILED = ["text-rnn --epochs 5000", "stock-lstm", "mnist-gru --epochs 1 --limit 100"]
PROFILES = ("dev", "release")

COLUMNS = ["program", "threads", "config", "round", "loop_s", "process_s", "memory_mb"]


def measure(options, out):
    """Appends a row per run to lessons.csv."""
    with common.table(out / "lessons.csv", COLUMNS) as table:
        for threads in options.threads:
            for round_ in range(1, options.rounds + 1):
                for program, config in itertools.product(QUICK if options.quick else LESSONS, common.CONFIGS):
                    common.progress(f"lessons, {threads} threads, round {round_}: {program}, {config}")
                    row = run(f"{program} --threads {threads}", config, out / "runs")
                    table.write(program=program, threads=threads, config=config, round=round_, **row)


def measure_profiles(options, out):
    """Appends a row per run of a dev and of a release build to profiles.csv."""
    with common.table(out / "profiles.csv", ["program", "config", "profile", "round", "loop_s"]) as table:
        for round_ in range(1, options.rounds + 1):
            for program, config, profile in itertools.product(PROFILED, common.BACKENDS, PROFILES):
                common.progress(f"profiles, round {round_}: {program}, {config}, {profile}")
                row = run(f"{program} --threads 1", config, out / "runs", profile)
                table.write(program=program, config=config, profile=profile, round=round_, loop_s=row["loop_s"])


def run(program, config, runs, profile="release"):
    lesson, *arguments = program.split()
    folder = runs / lesson
    if config == common.PYTORCH:
        notebook = f"notebooks-ref/{lesson.replace('-', '_')}.ipynb"
        printed, seconds, memory = timed([common.PYTHON, "scripts/bench/notebook.py", notebook, *arguments])
        loop = float(printed.split()[-1])
    else:
        # No checkpoints during training; neither side draws plots.
        ours = [f"--out={folder}", "--overwrite", "--no-plots", "--quiet", "--checkpoint-every=1000000"]
        _, seconds, memory = timed([common.binary(lesson, profile), *arguments, f"--backend={config}", *ours])
        loop = json.loads((folder / "summary.json").read_text())["train_seconds"]
    return {"loop_s": round(loop, 6), "process_s": round(seconds, 4), "memory_mb": round(memory, 1)}


def timed(command):
    """The output of a program, its seconds from start to end, and its largest memory, in MB.

    Linux counts the parent's memory as the child's. So this program stays small and does not import torch.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        sys.exit(f"bench.py: {' '.join(map(str, command))} failed with exit code {process.returncode}:\n{printed}")
    return printed, seconds, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def summary(out):
    """{(program, threads, config): {quantity: (median, lowest, highest)}}"""
    with open(out / "lessons.csv", newline="") as file:
        return common.grouped(csv.DictReader(file), ("program", "threads", "config"), ("loop_s", "process_s", "memory_mb"))


def profiles(out):
    """{(program, config, profile): {"loop_s": (median, lowest, highest)}}"""
    with open(out / "profiles.csv", newline="") as file:
        return common.grouped(csv.DictReader(file), ("program", "config", "profile"), ("loop_s",))
