"""Worker processes that take turns: one times the work while the others wait."""

import json
import math
import os
import statistics
import subprocess
import sys
import time

import common

# The threads of libgomp spin-wait for about 10 ms after their work. During that time they would use a core of the next program.
PAUSE = 0.05

# The largest difference from the float64 result that a network's output may have.
TOLERANCE = 1e-4


class Worker:
    """A process that reads requests and writes answers, line by line."""

    def __init__(self, name, command, threads):
        self.name = name
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}  # the Rust peers read it
        self.process = subprocess.Popen(
            [*command, str(threads)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, work, untimed, budget):
        request = {"work": work, "untimed": untimed, "budget": budget}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench.py: {self.name} ended during the request {request}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(threads, peers=()):
    """Starts workers for PyTorch, each backend of this workspace, and `peers`: pairs of a name and a command without the thread count."""
    programs = [
        (common.PYTORCH, [common.PYTHON, "scripts/bench/torch_worker.py"]),
        *((backend, [common.binary("examples/bench"), backend]) for backend in common.BACKENDS),
        *peers,
    ]
    return [Worker(name, command, threads) for name, command in programs]


def alternate(workers, work, threads, budget, short):
    """Times `work` with each worker in turn: {worker: median of its calls} and {worker: the value of its result}. For `short` calls,
    one untimed call is made first.
    """
    medians, values = {}, {}
    for worker in workers:
        answer = worker.ask(work, untimed=int(short), budget=budget)
        medians[worker.name] = statistics.median(answer["seconds"])
        values[worker.name] = math.nan if answer["value"] is None else answer["value"]  # serde_json writes NaN as null
        if threads > 1:
            time.sleep(PAUSE)
    check(work, values)
    return medians, values


def check(work, values):
    """Checks the results: all workers compute with the same numbers, so their results are equal except for the last bits."""
    if "files" in work:  # the values are differences
        for name, difference in values.items():
            if not difference <= TOLERANCE:
                sys.exit(f"bench.py: the output of {name} differs by {difference} from the float64 result, for {work}")
        return
    reference = values[common.PYTORCH]
    for name in common.BACKENDS:
        if not abs(values[name] - reference) <= 1e-5 * max(1, abs(reference)):
            sys.exit(f"bench.py: {name} computes {values[name]} and PyTorch {reference}, for {work}")
