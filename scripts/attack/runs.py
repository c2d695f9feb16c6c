#!/usr/bin/env python3
"""Attacks training runs: signals at random moments, full disks, two processes in one folder, foreign folders, changed data.

Usage: scripts/attack/runs.py [--bin-dir DIR] [--kills N] [--seed N]

Runs the built program rnn-lm (cargo build -p rnn-lm) on a small corpus in temporary folders. A run that was stopped is resumed
until it is finished. Its files must then have the bits of a run without interruption. Prints one line per failing trial and a
closing line. The exit code is 1 if a trial failed. With 100 kills it takes about three minutes on two cores.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("--device cpu --threads 1 --corpus corpus.txt --no-progress --epochs 4 --chars --lr 0.02 --hidden-size 24 --bptt 4 "
           "--batch-size 4 --cell lstm").split()
COMPARED = ["metrics.jsonl", "model.pt", "best.pt", "vocabulary.json"]


class Trials:
    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, name, ok, detail=""):
        self.count += 1
        if not ok:
            self.failed += 1
            print(f"FAIL {name}: {detail}", flush=True)


def corpus():
    subjects = ["the whale", "the captain", "a sailor", "the white whale", "an old man"]
    verbs, objects = ["sees", "follows", "fears", "remembers"], ["the ship", "the sea", "the captain", "a storm"]
    return "".join(f"{subjects[n % 5]} {verbs[n * n % 7 % 4]} {objects[n * 3 % 11 % 4]}.\n" for n in range(500))


class Lesson:
    def __init__(self, program, home):
        self.program, self.home = program, home

    def start(self, out, *options, limit=None):
        arguments = OPTIONS if "--resume" not in options else ["--no-progress", "--device", "cpu", "--threads", "1"]
        before = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
        return subprocess.Popen([self.program, *arguments, "--out", out, *options], cwd=self.home, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, preexec_fn=before)

    def run(self, out, *options, limit=None):
        process = self.start(out, *options, limit=limit)
        stderr = process.communicate()[1]
        return process.returncode, stderr

    def outcome(self, out):
        return [(self.home / out / name).read_bytes() for name in COMPARED]

    def finished(self, out):
        return (self.home / out / "summary.json").exists()

    def resumable(self, out):
        return (self.home / out / "checkpoint.pt").exists()


def kills(lesson, trials, reference, count):
    """Signals at random moments, until there were `count`."""
    done, runs, within, signals = 0, 0, 0, {}
    while done < count:
        out, runs = f"killed-{runs}", runs + 1
        while not lesson.finished(out):
            process = lesson.start(out, "--resume" if lesson.resumable(out) else "--overwrite")
            time.sleep(random.uniform(0.2, 1.2))
            name = random.choice(["KILL", "HUP", "INT", "TERM"])
            alive = process.poll() is None
            if alive:
                process.send_signal(getattr(signal, f"SIG{name}"))
            stderr = process.communicate()[1]
            if alive:
                done, signals[name] = done + 1, signals.get(name, 0) + 1
                within += " batches; " in stderr
            expected = {0, 130, -signal.SIGKILL, -signal.SIGHUP, -signal.SIGINT, -signal.SIGTERM}
            trials.check(f"SIG{name} on {out}", process.returncode in expected and "panicked" not in stderr, stderr[-300:])
            if process.returncode not in expected:
                break
        partial = [path.name for path in (lesson.home / out).iterdir() if ".partial" in path.name]
        trials.check(f"bits of {out}", lesson.outcome(out) == reference, "they differ from those of an undisturbed run")
        trials.check(f"temporary files of {out}", not partial, partial)
        shutil.rmtree(lesson.home / out)
    return f"{done} kills in {runs} runs ({', '.join(f'{count} SIG{name}' for name, count in sorted(signals.items()))}), " \
           f"{within} of them within an epoch"


def full_disks(lesson, trials, reference):
    """A limit on the size of files has the effect of a full disk."""
    for limit in [500, 5_000, 40_000]:
        out = f"full-{limit}"
        code, stderr = lesson.run(out, limit=limit)
        trials.check(f"full disk of {limit} bytes", code == 1 and stderr.splitlines()[-1:] != [] and "panicked" not in stderr,
                     f"exit code {code}, {stderr[-300:]}")
        code, stderr = lesson.run(out, "--resume" if lesson.resumable(out) else "--overwrite")
        trials.check(f"after a full disk of {limit} bytes", code == 0 and lesson.outcome(out) == reference, stderr[-300:])


def races(lesson, trials, reference, count):
    """Of processes that start together in one folder, one trains, and the files are those of one run."""
    for n in range(count):
        out = f"race-{n}"
        processes = [lesson.start(out) for _ in range(2)]
        messages = [process.communicate()[1] for process in processes]
        codes = sorted(process.returncode for process in processes)
        refused = sum("is in use: process" in text for text in messages)
        trials.check(f"race {n}", codes == [0, 1] and refused == 1 and lesson.outcome(out) == reference, (codes, messages))
        shutil.rmtree(lesson.home / out)


def foreign_folders(lesson, trials):
    names = ["config.json", "model.pt", "best.pt", "model.safetensors", "loss.png", "vocabulary.json", "checkpoint.pt"]
    for n, name in enumerate(names):
        folder = lesson.home / f"foreign-{n}"
        folder.mkdir()
        (folder / name).write_bytes(b"mine")
        code, stderr = lesson.run(folder.name)
        kept = (folder / name).read_bytes() == b"mine" and len(list(folder.iterdir())) == 1
        trials.check(f"foreign {name}", code == 1 and name in stderr and kept, stderr)
    for text in ['{"lesson": "mnist-gru", "files": ["config.json", "metrics.jsonl"]}', '{"files": ["config.json"]}', "[]", "{"]:
        folder = lesson.home / "other"
        folder.mkdir()
        (folder / "config.json").write_text(text)
        (folder / "metrics.jsonl").write_text("{}\n")
        code, stderr = lesson.run("other")
        trials.check(f"config.json {text}", code == 1 and (folder / "config.json").read_text() == text, stderr)
        shutil.rmtree(folder)


def changed_data(lesson, trials):
    original = corpus()
    for name, text in [("one letter", original.replace("sailor", "tailor", 1)), ("one word less", original[:-8] + "\n")]:
        lesson.run("data", "--overwrite", "--epochs", "1")
        (lesson.home / "corpus.txt").write_text(text)
        code, stderr = lesson.run("data", "--resume", "--epochs", "2")
        trials.check(f"changed corpus, {name}", code == 2 and "the training data has changed" in stderr, stderr)
        code, stderr = lesson.run("data", "--resume", "--epochs", "2", "--allow-changed-data")
        trials.check(f"allowed corpus, {name}", code == 0, stderr)
        (lesson.home / "corpus.txt").write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=Path, default=ROOT / "target/debug")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    program = (args.bin_dir / "rnn-lm").resolve()
    if not program.exists():
        sys.exit(f"runs.py: {program} is missing: cargo build -p rnn-lm")
    random.seed(args.seed)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, also in the programs that this one starts
    start, trials = time.monotonic(), Trials()
    with tempfile.TemporaryDirectory() as home:
        lesson = Lesson(program, Path(home))
        (lesson.home / "corpus.txt").write_text(corpus())
        code, stderr = lesson.run("reference")
        if code != 0:
            sys.exit(f"runs.py: the undisturbed run failed: {stderr}")
        reference = lesson.outcome("reference")
        summary = kills(lesson, trials, reference, args.kills)
        full_disks(lesson, trials, reference)
        races(lesson, trials, reference, 20)
        foreign_folders(lesson, trials)
        changed_data(lesson, trials)
    print(f"{trials.count} trials, {trials.failed} failed, in {time.monotonic() - start:.0f} s: {summary}")
    sys.exit(trials.failed > 0)


if __name__ == "__main__":
    main()
