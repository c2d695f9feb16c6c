"""Single calls: inference of lesson 3's network, a sweep over sizes, and lesson 3's training step in other libraries."""

import csv
import itertools

import common
import turns

LAYER = {"bidirectional": False, "packed": False}
MNIST = {**LAYER, "cell": "gru", "input_size": 28, "hidden_size": 128, "num_layers": 2, "length": 28, "classes": 10}

CELLS = ("rnn", "lstm", "gru")
TASKS = {"forward": "forward", "backward": "training"}  # with their names in the report
SWEEP = {"hidden": (16, 32, 64, 128, 256, 512), "batch": (1, 4, 16, 64, 256), "length": (7, 28, 200)}
QUICK = {"hidden": (16, 128), "batch": (1, 64), "length": (7, 28)}

WORK = ["cell", "task", "hidden", "batch", "length", "bidirectional", "packed"]
SIZES = ["hidden", "batch", "length", "threads"]
TIMES = ["threads", "config", "round", "seconds", "value"]

LONG = 0.5  # seconds: two rounds are enough for such calls


def measure_inference(options, out):
    works = [{**MNIST, "batch": batch, "task": "forward"} for batch in (1, 100)]
    measure(works, options, out / "inference.csv", budget=0.2)


def measure_sweep(options, out):
    sizes = QUICK if options.quick else SWEEP
    works = [
        {**LAYER, "cell": cell, "task": task, "input_size": hidden, "hidden_size": hidden, "num_layers": 1, "classes": None,
         "batch": batch, "length": length}
        for cell, task, hidden, batch, length in itertools.product(CELLS, TASKS, *sizes.values())
    ]
    measure(works, options, out / "sweep.csv", budget=0.03)


def measure_packed(options, out):
    """Training over packed batches, whose lengths are spread evenly over 1 to 100, and over batches that are padded to 100."""
    works = [
        {**LAYER, "cell": cell, "task": "backward", "input_size": 128, "hidden_size": 128, "num_layers": 1, "classes": None,
         "batch": 64, "length": 100, "bidirectional": bidirectional, "packed": packed}
        for cell, bidirectional, packed in itertools.product(("lstm", "gru"), (False, True), (True, False))
    ]
    measure(works, options, out / "packed.csv", budget=0.3)


def measure_peers(options, out, peers):
    work = {**MNIST, "batch": 100, "task": "step"}
    measure([work], options, out / "peers.csv", budget=0.5, peers=peers)


def measure(works, options, path, budget, peers=(), columns=WORK):
    """Appends a row for each turn. Every round starts new processes, because the speed of a process depends a little on the
    addresses of its memory.
    """
    with common.table(path, columns + TIMES) as table:
        for threads in options.threads:
            longest = [0.0] * len(works)
            for round_ in range(1, options.rounds + 1):
                workers = turns.start(threads, peers)
                turns.alternate(workers, works[0], threads, budget=0, short=False)  # so that none is still starting while another is timed
                for number, work in enumerate(works):
                    if round_ > 2 and longest[number] > LONG:
                        continue
                    times, values = turns.alternate(workers, work, threads, budget, short=longest[number] <= LONG)
                    longest[number] = max(times.values())
                    row = {name: work["hidden_size" if name == "hidden" else name] for name in columns}
                    for config, seconds in times.items():
                        value = f"{values[config]:.8g}"
                        table.write(**row, threads=threads, config=config, round=round_, seconds=f"{seconds:.4g}", value=value)
                    ratios = " ".join(f"{name} {times[common.PYTORCH] / times[name]:.2f}x" for name in list(times)[1:])
                    what = " ".join(f"{name} {value}" for name, value in row.items())
                    common.progress(f"{path.stem}, {threads} threads, round {round_}, {number + 1}/{len(works)}: {what}: {ratios}")
                for worker in workers:
                    worker.close()


def read_packed(path):
    """{(cell, bidirectional, threads): {packed: {config: median}}}, where `bidirectional` and `packed` are "True" or "False"."""
    cases = {}
    with open(path, newline="") as file:
        rows = common.grouped(csv.DictReader(file), ["cell", "bidirectional", "threads", "packed", "config"], ["seconds"])
    for (*case, packed, config), times in rows.items():
        cases.setdefault(tuple(case), {}).setdefault(packed, {})[config] = times["seconds"][0]
    return cases


def read(path):
    """{(cell, task, hidden, batch, length, threads): {config: (median, lowest, highest)}}"""
    cases = {}
    with open(path, newline="") as file:
        rows = common.grouped(csv.DictReader(file), ["cell", "task", *SIZES, "config"], ["seconds"])
    for (cell, task, *sizes, config), times in rows.items():
        cases.setdefault((cell, task, *map(int, sizes)), {})[config] = times["seconds"]
    return cases
