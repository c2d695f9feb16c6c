"""Single calls: inference of lesson 3's network, a sweep over sizes, and lesson 3's training step beside other libraries."""

import csv
import itertools

import common
import turns

MNIST = {"cell": "gru", "input_size": 28, "hidden_size": 128, "num_layers": 2, "length": 28, "classes": 10}

CELLS = ("rnn", "lstm", "gru")
TASKS = {"forward": "forward", "backward": "training"}  # and what the report calls them
SWEEP = {"hidden": (16, 32, 64, 128, 256, 512), "batch": (1, 4, 16, 64, 256), "length": (7, 28, 200)}
QUICK = {"hidden": (16, 128), "batch": (1, 64), "length": (7, 28)}

WORK = ["cell", "task", "hidden", "batch", "length"]
TIMES = ["threads", "config", "median_s", "min_s", "max_s", "rounds"]


def measure_inference(options, out):
    works = [{**MNIST, "batch": batch, "task": "forward"} for batch in (1, 100)]
    measure(works, options, out / "inference.csv", budget=0.2)


def measure_sweep(options, out):
    sizes = QUICK if options.quick else SWEEP
    works = [
        {"cell": cell, "task": task, "input_size": hidden, "hidden_size": hidden, "num_layers": 1, "classes": None,
         "batch": batch, "length": length}
        for cell, task, hidden, batch, length in itertools.product(CELLS, TASKS, *sizes.values())
    ]
    measure(works, options, out / "sweep.csv", budget=0.03)


def measure_peers(options, out, peers):
    work = {**MNIST, "batch": 100, "task": "step"}
    measure([work], options, out / "peers.csv", budget=0.5, peers=peers)


def measure(works, options, path, budget, peers=()):
    with common.table(path, WORK + TIMES) as table:
        for threads in options.threads:
            workers = turns.start(threads, peers)
            for number, work in enumerate(works, 1):
                times = turns.alternate(workers, work, threads, options.rounds, budget)
                row = {"hidden": work["hidden_size"], **{name: work[name] for name in WORK if name != "hidden"}}
                for config, (median, lowest, highest, rounds) in times.items():
                    seconds = {"median_s": f"{median:.4g}", "min_s": f"{lowest:.4g}", "max_s": f"{highest:.4g}"}
                    table.write(**row, threads=threads, config=config, **seconds, rounds=rounds)
                ratios = " ".join(f"{name} {times[common.PYTORCH][0] / times[name][0]:.2f}x" for name in list(times)[1:])
                sizes = " ".join(f"{name} {row[name]}" for name in WORK[2:])
                common.progress(
                    f"{path.stem}, {threads} threads, {number}/{len(works)}: {row['cell']} {row['task']} {sizes}: {ratios}"
                )
            for worker in workers:
                worker.close()


def read(path):
    """{(cell, task, hidden, batch, length, threads): {config: (median, lowest, highest)}}"""
    cases = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = (row["cell"], row["task"], *(int(row[name]) for name in ("hidden", "batch", "length", "threads")))
            times = tuple(float(row[name]) for name in ("median_s", "min_s", "max_s"))
            cases.setdefault(key, {})[row["config"]] = times
    return cases
