"""Checks of the three lessons: training on the device, and timing in turns with the notebooks' programs."""

import itertools
import json
import math
import sys

LESSONS = ["text-rnn", "stock-lstm", "mnist-gru"]

# Long enough that the first steps, which load and choose kernels, matter little.
TIMED = {
    "text-rnn": ["--epochs=2000"],
    "stock-lstm": ["--epochs=2000"],
    "mnist-gru": ["--epochs=1", "--limit=600"],  # the whole epoch
}
TIMED_ON_CPU = {**TIMED, "mnist-gru": ["--epochs=1", "--limit=200"]}

# The largest relative difference between our first loss and PyTorch's: cuDNN rounds to TF32.
FIRST_LOSS = 2e-3


def train(runner, lesson):
    """Trains with the lesson's defaults. The check passes if the loss is 10 % lower at the end."""
    result, losses, seconds = ours(runner, f"{lesson} trains", lesson, [])
    if result.ok:
        result.text = f"loss {losses[0]:.6f} .. {losses[-1]:.6f}, {seconds:.2f} s in the loop"
        result.ok = all(map(math.isfinite, losses)) and losses[-1] < 0.9 * losses[0]
    return result


def time(runner, rounds, report):
    """Times the loops of every lesson and of its notebook in turns. On a GPU ours must be as fast; on a CPU the ratio is only printed."""
    timed, demanded = (TIMED_ON_CPU, None) if runner.device == "cpu" else (TIMED, 1.0)
    for lesson in LESSONS:
        seconds = {"ours": [], "PyTorch": []}
        firsts = {}
        for round_ in range(rounds):
            sides = [("ours", ours), ("PyTorch", pytorch)]
            for side, program in sides if round_ % 2 == 0 else reversed(sides):
                print(f"timing {lesson}, round {round_ + 1} of {rounds}: {side}", file=sys.stderr, flush=True)
                options = [*timed[lesson], "--threads=1"]
                result, losses, loop = program(runner, f"{lesson} timed, {side}", lesson, options)
                if not result.ok:
                    report.check(result)
                    break
                seconds[side].append(loop)
                firsts[side] = losses[0]
            else:
                continue
            break
        else:
            report.timed(lesson, " ".join(timed[lesson]), seconds, demanded)
            off = abs(firsts["ours"] / firsts["PyTorch"] - 1)
            text = f"ours {firsts['ours']:.6f}, PyTorch's {firsts['PyTorch']:.6f}"
            report.judged(f"{lesson}'s first loss", off <= FIRST_LOSS, text)


def ours(runner, name, lesson, options):
    """The check, the losses of all batches or epochs, and the seconds of the loop."""
    folder = runner.bundle / "runs" / lesson
    # No checkpoints during training; neither side draws plots.
    common = [f"--device={runner.device}", f"--out={folder}", "--overwrite", "--no-plots", "--quiet", "--checkpoint-every=1000000"]
    result = runner.run(name, [runner.bundle / "bin" / lesson, *common, *options])
    if not result.ok:
        return result, [], math.nan
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = itertools.chain.from_iterable(record.get("batch_losses") or [record["loss"]] for record in records)
    return result, list(losses), json.loads((folder / "summary.json").read_text())["train_seconds"]


def pytorch(runner, name, lesson, options):
    """The same for the notebook's program."""
    program = [sys.executable, runner.bundle / "checks/eager.py", runner.bundle / "notebooks-ref" / f"{lesson.replace('-', '_')}.ipynb"]
    result = runner.run(name, [*program, f"--device={runner.device}", *options])
    if not result.ok:
        return result, [], math.nan
    output = json.loads(result.printed.splitlines()[-1])
    return result, output["losses"], output["seconds"]
