"""The results of bench.py as Markdown."""

import statistics

import cases
import common
import engines
import lessons

DEV_LIMIT = 1.1
REAL_STEPS = sum(100 - int(i * 99 / 63) for i in range(64)) / 6400  # the share of the padded batch that is not padding

NAMES = {"pytorch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}

# How many times faster these engines should be, and than what: the median and the lowest ratio. (`exact` has PyTorch's speed.)
FAST = ("fused", "rnn-runtime")
GOALS = {
    "forward": ("the fastest peer, inference", 1.2, 1.0),
    "stream": ("the fastest peer, stream", 1.2, 1.2),
    "batch 1": ("fused, batch 1", 1.0, 1.0),
}


def markdown(about, out, sections):
    parts = ["\n".join(f"- {name}: {sentence}" for name, sentence in about.items())]
    for section in sections:
        parts += {"lessons": lesson_tables, "profiles": profile_table, "inference": inference_table, "sweep": sweep_table,
                  "packed": packed_table, "engines": engine_tables, "peers": peer_table}[section](out)
    return "\n\n".join(parts) + "\n"


def loads(cores, average):
    shares = [f"{name} {busy:.2f}" for name, busy in cores.items() if busy is not None]
    after = " ".join(f"{number:.2f}" for number in average)
    return f"cores that other programs kept busy: {', '.join(shares) or 'unknown'}; load average at the end {after}"


def lesson_tables(out):
    groups = lessons.summary(out)
    keys = list(dict.fromkeys((program, threads) for program, threads, _ in groups))
    tables = [
        ("Training loop, including its first step, in ms", "loop_s", 1e3, True),
        ("Whole program, from start to end, in ms", "process_s", 1e3, True),
        ("Largest memory, in MB", "memory_mb", 1, False),
    ]
    for title, quantity, unit, ratios in tables:
        rows = []
        for program, threads in keys:
            times = {config: groups[program, threads, config][quantity] for config in common.CONFIGS}
            rows.append([f"`{program}`", threads, *compared(times, unit, ratios)])
        yield title
        yield table(["program", "threads", *heads(common.CONFIGS, ratios)], rows)


def profile_table(out):
    groups = lessons.profiles(out)
    rows = []
    for program, config in dict.fromkeys((program, config) for program, config, _ in groups):
        dev, release = (groups[program, config, profile]["loop_s"] for profile in lessons.PROFILES)
        ratio = dev[0] / release[0]
        verdict = "ok" if ratio <= DEV_LIMIT else f"above {DEV_LIMIT}"
        rows.append([f"`{program}`", config, figure(dev, 1e3), figure(release, 1e3), f"{ratio:.2f}", verdict])
    yield f"Training loop of a dev build and of a release build, 1 thread, in ms; dev may take at most {DEV_LIMIT} times as long"
    yield table(["program", "backend", "dev", "release", "dev / release", ""], rows)


def inference_table(out):
    rows = []
    for (_cell, _task, _hidden, batch, _length, threads), times in cases.read(out / "inference.csv").items():
        rows.append([batch, threads, *compared(times, 1e3)])
    yield "Inference of lesson 3's network (GRU(28, 128), 2 layers, 28 steps, and the linear layer), in ms per call, all under " \
        "`inference_mode`"
    yield table(["batch", "threads", *heads(common.CONFIGS)], rows)


def sweep_table(out):
    """The ratios over the whole sweep, by cell and task, and the case with the lowest one."""
    groups = {}
    for (cell, task, *sizes, threads), times in cases.read(out / "sweep.csv").items():
        for config in common.BACKENDS:
            ratio = times[common.PYTORCH][0] / times[config][0]
            groups.setdefault((cell, task, threads, config), []).append((ratio, sizes))
    rows = []
    for (cell, task, threads, config), ratios in groups.items():
        ratios.sort()
        lowest, (hidden, batch, length) = ratios[0]
        slower = sum(ratio < 1 for ratio, _ in ratios)
        middle = ratios[len(ratios) // 2][0]
        where = f"hidden {hidden}, batch {batch}, length {length}"
        rows.append([cell.upper(), cases.TASKS[task], threads, config, f"{middle:.1f}x", f"{ratios[-1][0]:.1f}x", f"{lowest:.2f}x", where,
                     f"{slower} of {len(ratios)}"])
    yield "Sweep: how many times faster than PyTorch"
    yield table(["cell", "task", "threads", "backend", "median", "highest", "lowest", "where", "slower"], rows)


def packed_table(out):
    rows = []
    for (cell, bidirectional, threads), times in cases.read_packed(out / "packed.csv").items():
        packed, padded = times["True"], times["False"]
        directions = 2 if bidirectional == "True" else 1
        rows.append([cell.upper(), directions, threads, *(f"{packed[config] * 1e3:.1f}" for config in common.CONFIGS),
                     *(f"{packed[common.PYTORCH] / packed[config]:.2f}x" for config in common.BACKENDS),
                     f"{padded['fused'] * REAL_STEPS / packed['fused']:.2f}x"])
    yield "Packed sequences: training with hidden 128, batch 64 and lengths spread evenly over 1 to 100, in ms; and, for each real " \
        "time step, how many times faster fused is than with padding to 100"
    yield table(["cell", "directions", "threads", *heads(common.CONFIGS), "fused, against padded"], rows)


def engine_tables(out):
    """The time of each engine, how many times faster ours are than the fastest peer, and the differences of the outputs."""
    networks = engines.read(out)
    names = list(next(iter(networks.values())))
    peers = [name for name in names if name not in engines.OURS]
    ours = [name for name in names if name in FAST]
    rows, ratios, differences = [], {}, {}
    for (network, task, batch, threads), figures in networks.items():
        times = {name: figures[name]["seconds"] for name in names}
        where = f"{network}, batch {batch}, threads {threads}"
        fastest = min(times[name][0] for name in peers)
        faster = {name: fastest / times[name][0] for name in ours}
        for name, ratio in faster.items():
            ratios.setdefault((name, task), []).append((ratio, where))
        if batch == "1" and "rnn-runtime" in ours:
            ratio = times["fused"][0] / times["rnn-runtime"][0]
            ratios.setdefault(("rnn-runtime", "batch 1"), []).append((ratio, where))
        for name in names:
            differences.setdefault(name, []).append(figures[name]["value"][2])
        rows.append([network, batch, threads, *(figure(times[name], 1e6) for name in names), *(f"{ratio:.2f}x" for ratio in faster.values())])
    yield "Inference of networks, and a stream (GRU(128), one time step per call), in µs per call; and how many times faster than the " \
        f"fastest of {', '.join(map(label, peers))}"
    yield table(["network", "batch", "threads", *map(label, names), *(f"{name}, times faster" for name in ours)], rows)
    rows = []
    for (name, task), cells in sorted(ratios.items()):
        than, median_goal, lowest_goal = GOALS[task]
        median = statistics.median(ratio for ratio, _ in cells)
        lowest, where = min(cells)
        verdict = "ok" if median >= median_goal and lowest >= lowest_goal else "below"
        rows.append([name, than, len(cells), f"{median:.2f}x", f"{lowest:.2f}x", where, f"{median_goal}x, {lowest_goal}x", verdict])
    yield "How many times faster, over all networks, batches and thread counts"
    yield table(["", "than", "cases", "median", "lowest", "where", "goals: median, lowest", ""], rows)
    yield "Largest difference of an output from the float64 result: " + ", ".join(
        f"{label(name)} {max(values):.1e}" for name, values in differences.items())


def peer_table(out):
    rows = []
    for (*_, batch, _length, threads), times in cases.read(out / "peers.csv").items():
        pytorch = times[common.PYTORCH][0]
        for config, (median, lowest, highest) in sorted(times.items(), key=lambda item: item[1]):
            rows.append([label(config), threads, figure((median, lowest, highest), 1e3),
                         f"{batch / median:,.0f}", f"{pytorch / median:.2f}x"])
    yield "Lesson 3's training step (batch 100, 28 steps, GRU(28, 128), 2 layers, cross-entropy, Adam), in ms"
    yield table(["library", "threads", "ms per step", "samples per second", "PyTorch's time / this time"], rows)


def heads(configs, ratios=True):
    names = [label(config) for config in configs]
    return names + [f"{name}, times faster" for name in names[1:]] if ratios else names


def compared(times, unit, ratios=True):
    """The figures of each configuration, and how many times faster than PyTorch each backend is."""
    figures = [figure(times[config], unit) for config in common.CONFIGS]
    pytorch = times[common.PYTORCH][0]
    return figures + [f"{pytorch / times[backend][0]:.2f}x" for backend in common.BACKENDS] if ratios else figures


def label(config):
    return NAMES.get(config, config)


def figure(times, unit):
    median, lowest, highest = (digits(seconds * unit) for seconds in times)
    return f"{median} ({lowest}-{highest})"


def digits(number):
    """The number with three digits, or all digits before the decimal point."""
    return f"{number:.{max(0, 3 - len(str(int(number))) if number >= 1 else 3)}f}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
