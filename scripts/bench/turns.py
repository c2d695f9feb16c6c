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


def alternate(workers, work, threads, rounds, budget):
    """Times `work` by all workers in turn, round after round.

    Returns for each worker (median, lowest, highest) over the rounds, each round being the median of its calls, and the
    number of rounds: fewer where a call is long.
    """
    medians = {worker.name: [] for worker in workers}
    values = {}
    for round_ in range(rounds):
        for worker in workers:
            known = medians[worker.name]
            answer = worker.ask(work, untimed=0 if known and known[-1] > 0.2 else 1, budget=budget)
            known.append(statistics.median(answer["seconds"]))
            values[worker.name] = answer["value"]
            if threads > 1:
                time.sleep(PAUSE)
        if round_ >= 1 and max(known[-1] for known in medians.values()) > 0.5:
            break
    check(work, values)
    return {name: (statistics.median(known), min(known), max(known), len(known)) for name, known in medians.items()}


def check(work, values):
    """All draw the same numbers, and so compute the same but for the last bits."""
    reference = values[common.PYTORCH]
    for name in common.BACKENDS:
        if not abs(values[name] - reference) <= 1e-5 * max(1, abs(reference)):
            sys.exit(f"bench.py: {name} computes {values[name]} and PyTorch {reference}, for {work}")
