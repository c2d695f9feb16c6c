"""Persistent programs that take turns: each times the same work while the others wait."""

import json
import os
import statistics
import subprocess
import sys
import time

import common

# libgomp's threads spin for some 10 ms after their work before they sleep; until then they would take the next program's core.
PAUSE = 0.05


class Worker:
    """A program that reads requests and writes answers, line by line."""

    def __init__(self, name, command, threads):
        self.name = name
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}  # what candle and burn go by
        self.process = subprocess.Popen(
            [*command, str(threads)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, work, untimed, budget):
        request = {"work": work, "untimed": untimed, "budget": budget}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench.py: {self.name} ended at {request}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(threads, peers=()):
    """PyTorch, every backend of this workspace, and `peers`: pairs of a name and a command without its thread count."""
    programs = [
        (common.PYTORCH, [common.PYTHON, "scripts/bench/torch_worker.py"]),
        *((backend, [common.binary("examples/bench"), backend]) for backend in common.BACKENDS),
        *peers,
    ]
    return [Worker(name, command, threads) for name, command in programs]


def alternate(workers, work, threads, budget, short):
    """Times `work` by each worker in turn: {worker: median of its calls}. A `short` call is made once more before the clock starts."""
    medians, values = {}, {}
    for worker in workers:
        answer = worker.ask(work, untimed=int(short), budget=budget)
        medians[worker.name] = statistics.median(answer["seconds"])
        values[worker.name] = answer["value"]
        if threads > 1:
            time.sleep(PAUSE)
    check(work, values)
    return medians


def check(work, values):
    """All draw the same numbers, and so compute the same but for the last bits."""
    reference = values[common.PYTORCH]
    for name in common.BACKENDS:
        if not abs(values[name] - reference) <= 1e-5 * max(1, abs(reference)):
            sys.exit(f"bench.py: {name} computes {values[name]} and PyTorch {reference}, for {work}")
