#!/usr/bin/env python3
"""Runs the lessons on hostile files. A file of at most 1 MB must cost at most 200 MB and 2 s.

    cargo build -p text-rnn -p stock-lstm -p mnist-gru -p rnn-lm
    scripts/attack/files.py

A trial fails if it takes more memory (above a normal run of the same program) or time, dies of a signal, prints `panicked`,
a C++ backtrace or more than 20 KB, or accepts a file that must be refused. Exit code 1 if a trial fails.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from craft import (
    BYTES,
    Storage,
    Tensor,
    empty_tensor,
    idx,
    idx_header,
    jpeg,
    jpeg_head,
    jpeg_scan,
    packed_zeros,
    png,
    png_chunk,
    progressive_jpeg,
    pt,
    safetensors,
    segment,
    seven,
)

SECONDS, MEGABYTES, PRINTED = 2.0, 200.0, 20_000
PROGRAMS = ["text-rnn", "stock-lstm", "mnist-gru", "rnn-lm"]
GATES = {"text-rnn": ("rnn", 1), "stock-lstm": ("rnn", 4), "mnist-gru": ("gru", 3), "rnn-lm": ("rnn", 3)}
INPUTS = {"text-rnn": 9, "stock-lstm": 5, "mnist-gru": 28, "rnn-lm": 3}
WORDS = ["<unk>", "the", "whale", "sea", ","]
CHECK = {  # a command that reads --model
    "text-rnn": ["eval"],
    "stock-lstm": ["predict", "--scale-on", "all"],
    "mnist-gru": ["predict", "--image", "seven.jpg"],
    "rnn-lm": ["predict", "the whale"],
}


def model_shapes(program, hidden=3):
    module, gates = GATES[program]
    rows = gates * hidden
    layer = {
        f"{module}.weight_ih_l0": (rows, INPUTS[program]),
        f"{module}.weight_hh_l0": (rows, hidden),
        f"{module}.bias_ih_l0": (rows,),
        f"{module}.bias_hh_l0": (rows,),
    }
    if program == "text-rnn":
        return {"W": (hidden, 9), "b": (9,), **layer}
    if program == "stock-lstm":
        return {"W": (hidden, 1), "b": (1,), **layer}
    if program == "mnist-gru":
        second = {name.replace("l0", "l1"): (shape[0], hidden, *shape[2:])[: len(shape)] for name, shape in layer.items()}
        return {**layer, **second, "fc.weight": (10, hidden), "fc.bias": (10,)}
    count = len(WORDS)
    return {"embedding.weight": (count, hidden), **layer, "decoder.weight": (count, hidden), "decoder.bias": (count,)}


def run(argv, folder, limit=20.0):
    """Exit code (negative: a signal), seconds, megabytes, and the output."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        child = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        timer = threading.Timer(limit, child.send_signal, [signal.SIGKILL])
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - began
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return child.returncode, seconds, usage.ru_maxrss / 1024, output.read(4_000_000).decode(errors="replace")


class Attack:
    def __init__(self, folder, bin_dir, only, verbose):
        self.folder, self.bin_dir, self.only, self.verbose = folder, bin_dir, only, verbose
        self.baseline = {}
        self.trials, self.failures = 0, []
        self.largest, self.slowest = (0.0, "none"), (0.0, "none")

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    def start(self, program, arguments):
        return run([str(self.bin_dir / program), *arguments, "--device", "cpu"], self.folder)

    def measure_baseline(self):
        for program in PROGRAMS:
            self.write(f"good/{program}/model.safetensors", safetensors(model_shapes(program)))
            self.write("good/rnn-lm/vocabulary.json", json.dumps({"unit": "word", "words": WORDS}))
            code, seconds, memory, output = self.start(program, [*CHECK[program], "--model", f"good/{program}/model.safetensors"])
            if code != 0:
                sys.exit(f"error: {program} fails with a valid model: {output.strip()}")
            self.baseline[program] = memory
            if self.verbose:
                print(f"baseline {program}: {memory:.0f} MB, {seconds:.2f} s")

    def trial(self, name, program, arguments, expect="refuse", says=None):
        """`expect`: refuse (exit code 1 or 2), accept (0) or any."""
        name = f"{program}: {name}"
        if self.only and self.only not in name:
            return
        code, seconds, memory, output = self.start(program, arguments)
        if seconds > SECONDS and code >= 0:  # another process may have had the CPU
            code, again, memory, output = self.start(program, arguments)
            seconds = min(seconds, again)
        memory -= self.baseline[program]
        faults = []
        if code < 0:
            faults.append(f"killed by {signal.Signals(-code).name}")
        if seconds > SECONDS:
            faults.append(f"{seconds:.1f} s")
        if memory > MEGABYTES:
            faults.append(f"{memory:.0f} MB")
        if len(output) > PRINTED:
            faults.append(f"{len(output)} characters printed")
        faults += [f"prints {word!r}" for word in ("panicked", "Exception raised from", "frame #0") if word in output]
        if expect != "any" and code >= 0 and (code == 0) != (expect == "accept"):
            faults.append(f"exit code {code}, expected to {expect}")
        if says and says not in output:
            faults.append(f"does not print {says!r}")
        self.trials += 1
        line = output.strip().splitlines()[-1][:200] if output.strip() else ""
        if faults:
            self.failures.append(name)
            print(f"FAILED {name}: {', '.join(faults)}: {line}")
        elif self.verbose:
            print(f"{seconds:6.2f} s {memory:5.0f} MB  {name}: {line}")
        if code in (1, 2):
            self.largest = max(self.largest, (memory, name))
            self.slowest = max(self.slowest, (seconds, name))


def pictures(attack):
    def picture(name, content, **expected):
        size = len(content)
        path = attack.write("picture", content)
        model = ["--model", "good/mnist-gru/model.safetensors"]
        attack.trial(f"{name} ({size} bytes)", "mnist-gru", ["predict", "--image", path, *model], **expected)

    whole = jpeg(seven(), 192, 192)
    picture("a JPEG", whole, expect="accept")
    picture("a JPEG with bytes after its end", whole + b"\xff\xd8 another picture" * 9, expect="accept")
    picture("half a JPEG", whole[: len(whole) // 2], says="its end is missing")
    picture("a JPEG without its last byte", whole[:-1], says="its end is missing")
    picture("half a JPEG with an end marker", whole[: len(whole) // 2] + b"\xff\xd9", expect="any")  # decoders accept it
    picture("half a JPEG and zeros", whole[: len(whole) // 2] + bytes(1000))
    for side in (23_000, 65_500):
        for frame, kind in ((0xC0, "baseline"), (0xC2, "progressive")):
            claim = jpeg_head(side, side, 3, frame) + jpeg_scan(range(3)) + bytes(1500) + b"\xff\xd9"
            picture(f"a {kind} JPEG of {side} x {side}", claim, says=f"{side} x {side}")
    picture("a JPEG of 65500 x 8", jpeg_head(65_500, 8) + jpeg_scan([0]) + b"\xff\xd9")
    picture("a JPEG of 0 x 0", jpeg_head(0, 0) + jpeg_scan([0]) + b"\xff\xd9")
    picture("a JPEG without pixels", b"\xff\xd8\xff\xd9")
    picture("a JPEG of two bytes", b"\xff\xd8")
    comments = segment(0xFE, b"") * 200_000
    picture("a JPEG with 200,000 comments", jpeg_head(192, 192, between=comments) + whole[whole.index(b"\xff\xda") :])
    guid, extended = b"0123456789ABCDEF" * 2, b"http://ns.adobe.com/xmp/extension/\0"
    parts = b"".join(segment(0xE1, extended + guid + (10**6).to_bytes(4, "big") + (2 * i).to_bytes(4, "big") + b"x") for i in range(6000))
    picture("a JPEG with 6,000 parts of XMP and 100,000 comments", jpeg_head(192, 192, between=parts + comments[:400_000]))
    picture("a JPEG of 4096 x 3072, 3 colours", jpeg_head(4096, 3072, 3) + jpeg_scan(range(3)) + bytes(400_000) + b"\xff\xd9", expect="any")
    picture("a JPEG of 4096 x 3072, one scan a colour", jpeg_head(4096, 3072, 3) + b"".join(jpeg_scan([i]) + bytes(170_000) for i in range(3)) + b"\xff\xd9", expect="any")
    for colours in (1, 3, 4):
        for scans in (60, 90):
            name = f"a progressive JPEG of 4096 x 3072, {colours} colours, {scans} scans"
            picture(name, progressive_jpeg(4096, 3072, colours, scans), expect="any")

    picture("a PNG of 20000 x 20000", png(20_000, 20_000), says="20000 x 20000")
    picture("a PNG of 20000 x 20000, 1 bit", png(20_000, 20_000, bits=1), says="20000 x 20000")
    picture("a PNG of 4096 x 3072, RGBA, 16 bits", png(4096, 3072, 6, 16), says="4096 x 3072")
    picture("a PNG of 2048 x 4096, RGBA, 16 bits", png(2048, 4096, 6, 16), expect="any")
    picture("a PNG of 4096 x 3072, RGBA", png(4096, 3072, 6), expect="any")
    picture("a PNG of 4096 x 3072, RGB", png(4096, 3072, 2), expect="accept")
    picture("a PNG of 4096 x 3072, 1 bit with a palette", png(4096, 3072, 3, 1), expect="any")
    picture("a PNG of 1536 x 8192, 16 bits", png(1536, 8192, 0, 16), expect="accept")
    picture("a PNG of 1 x 8192", png(1, 8192, rows=(b"\0\0" if y < 99 else b"\0\xff" for y in range(8192))), expect="any")
    picture("a PNG of 3000000 x 1", png(3_000_000, 1))
    picture("a PNG of 2147483647 x 1", png(2**31 - 1, 1, rows=[bytes(1000)]))
    picture("a PNG of 2147483647 x 2147483647", png(2**31 - 1, 2**31 - 1, rows=[bytes(1000)]))
    picture("an interlaced PNG of 20000 x 20000", png(20_000, 20_000, rows=[bytes(1000)], interlace=1), says="20000 x 20000")
    bomb = packed_zeros(900_000_000, window=15)
    for chunk, start in ((b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")):
        name = f"a PNG with a {chunk.decode()} chunk of 900 MB"
        picture(name, png(192, 192, before=png_chunk(chunk, start + bomb)), expect="any")
    good = png(192, 192)
    picture("half a PNG", good[: len(good) // 2])
    picture("a GIF", b"GIF89a" + bytes(100))
    picture("a BMP", b"BM" + bytes(100))
    picture("a text", b"a digit, honestly")
    picture("an empty file", b"")


def models(attack):
    for program in PROGRAMS:
        module, gates = GATES[program]

        def model(name, content, suffix="pt", **expected):
            path = attack.write(f"model/model.{suffix}", content)
            attack.trial(f"{name} ({len(content)} bytes)", program, [*CHECK[program], "--model", path], **expected)
            (attack.folder / path).unlink()

        attack.write("model/vocabulary.json", json.dumps({"unit": "word", "words": WORDS}))
        hh = f"{module}.weight_hh_l"
        shapes = model_shapes(program)
        weights = Storage("1", 1000)
        named = {name: Tensor(weights, shape) for name, shape in shapes.items()}
        none = {"0": b"", "1": bytes(4000)}
        for shape in [(0, 20_000), (20_000, 0), (0, 2**40), (0,), (), (2, 0, 3), (5, 3), (gates * 3, 3, 1)]:
            wrong = {**named, f"{hh}0": Tensor(Storage("0", 0) if 0 in shape else weights, shape)}
            model(f"weight_hh_l0 of shape {shape}", pt(wrong, none))
        model("weight_hh_l0 of shape (0, 20000) in safetensors", safetensors({**shapes, f"{hh}0": (0, 20_000)}), "safetensors")
        for name in shapes:
            wrong = {**named, name: empty_tensor(20_000, 0)}
            model(f"{name} of shape (20000, 0)", pt(wrong, none))
        model("a good model", pt(named, none), expect="accept")
        one = Storage("0", 1)
        for hidden in (1200, 20_000):
            wide = Tensor(one, (gates * hidden, hidden), (0, 0))
            model(f"weight_hh_l0 expanded to {hidden} units", pt({f"{hh}0": wide}, {"0": bytes(4)}))
        huge = model_shapes(program, 1200)
        model("every parameter expanded to 1200 units", pt({name: Tensor(one, shape, (0,) * len(shape)) for name, shape in huge.items()}, {"0": bytes(4)}), expect="any")
        for hidden in (2500, 3300):  # bytes become floats, which are four times as large
            wide = Tensor(Storage("0", 1, BYTES), (gates * hidden, hidden), (0, 0))
            model(f"weight_hh_l0 of bytes expanded to {hidden} units", pt({f"{hh}0": wide}, {"0": b"\0"}))
        model("weight_hh_l0 of shape (0, 2**62)", pt({**named, f"{hh}0": Tensor(Storage("0", 0), (0, 2**62))}, none))
        model("a name of 900,000 letters", pt({**named, "x" * 900_000: 1}, none))
        small = Tensor(one, (gates, 1), (0, 0))
        model("12,000 layers of one unit", pt({f"{hh}{k}": small for k in range(12_000)}, {"0": bytes(4)}))
        model("200 layers of one unit", pt({f"{hh}{k}": small for k in range(200)}, {"0": bytes(4)}))
        shared = empty_tensor(0)
        model("30,000 other tensors", pt({**named, **{f"t{k}": shared for k in range(30_000)}}, none))
        model("9,000 different tensors", pt({**named, **{f"t{k}": empty_tensor(0) for k in range(9_000)}}, none))
        model("3,000 tensors with long names", pt({**named, **{f"t{k}" * 60: shared for k in range(3_000)}}, none))
        model("a tensor with a name of 900,000 characters", pt({**named, "x" * 900_000: shared}, none))
        model("16,000 tensors in safetensors", safetensors({**shapes, **{f"t{k}": (0,) for k in range(16_000)}}), "safetensors")
        model("a tensor of 300,000 dimensions in safetensors", safetensors({**shapes, "t": (1,) * 300_000}), "safetensors")
        model("a name of 900,000 characters in safetensors", safetensors({**shapes, "x" * 900_000: (0,)}), "safetensors")
        model("a safetensors header of 2^62 bytes", (2**62).to_bytes(8, "little") + b"{" + bytes(99), "safetensors")
        model("nested lists in a safetensors header", (900_000).to_bytes(8, "little") + b'{"a":' + b"[" * 900_000, "safetensors")
        model("metadata of a million entries", (990_000).to_bytes(8, "little") + b'{"__metadata__":{' + b'"a":"",' * 140_000 + b'"b":""}}' + b" " * 9983, "safetensors")
        model("a list in place of a model", pt([1, 2, 3]))
        model("an empty dict", pt({}))
        model("an empty file", b"")
        model("zeros", bytes(1_000_000))
        for path in ("/dev/zero", "fifo", "."):
            attack.trial(f"{path} as the model", program, [*CHECK[program], "--model", path])


def vocabularies(attack):
    def vocabulary(name, text, **expected):
        attack.write("words/vocabulary.json", text)
        attack.write("words/model.safetensors", safetensors(model_shapes("rnn-lm")))
        for command in (["predict", "the whale"], ["eval"]):
            corpus = ["--corpus", "words/text"] if command == ["eval"] else []
            arguments = [*command, "--model", "words/model.safetensors", *corpus]
            attack.trial(f"{name}, {command[0]}", "rnn-lm", arguments, **expected)

    attack.write("words/text", "the whale , the sea . " * 9)
    vocabulary("a vocabulary of 200,000 words", json.dumps({"unit": "word", "words": ["a"] * 200_000}), says="do not belong together")
    vocabulary("a nested vocabulary", '{"unit":"word","words":' + "[" * 900_000)
    vocabulary("a vocabulary of lists", '{"unit":"word","words":[' + "[0]," * 240_000 + "[0]]}")
    vocabulary("a vocabulary of 20 MB", "{" + " " * 20_000_000, says="is not a vocabulary")
    vocabulary("a vocabulary that is no text", b"\xff" * 1000)
    os.remove(attack.folder / "words/vocabulary.json")
    os.mkfifo(attack.folder / "words/vocabulary.json")
    for command in (["predict", "the whale"], ["eval"]):
        attack.trial(f"a FIFO as the vocabulary, {command[0]}", "rnn-lm", [*command, "--model", "words/model.safetensors"], says="FIFO")
    attack.write("corpus/vocabulary.json", json.dumps({"unit": "word", "words": WORDS}))
    attack.write("corpus/model.safetensors", safetensors(model_shapes("rnn-lm")))
    for name, text in (
        ("zeros", b"\xff" * 1_000_000),
        ("no text", b""),
        ("spaces", b" " * 1_000_000),
        ("one word of 1 MB", b"a" * 1_000_000),
    ):
        path = attack.write("corpus/text", text)
        attack.trial(f"a corpus of {name}, eval", "rnn-lm", ["eval", "corpus/model.safetensors", "--corpus", path], expect="any")
        attack.trial(f"a corpus of {name}, train", "rnn-lm", ["--corpus", path, "--dry-run"])
    for path in ("/dev/zero", "fifo"):
        attack.trial(f"{path} as the corpus", "rnn-lm", ["--corpus", path, "--dry-run"])
    for path in ("/dev/zero", "fifo"):
        corpus = str(attack.folder / path)  # an absolute path stays as it is
        attack.write("corpus/config.json", json.dumps({"lesson": "rnn-lm", "corpus": corpus}))
        attack.trial(f"{path} as the corpus in config.json", "rnn-lm", ["eval", "corpus/model.safetensors"], says="not a regular file")


def digits(attack):
    def data(name, images, labels, **expected):
        attack.write("data/t10k-images-idx3-ubyte.gz", images)
        attack.write("data/t10k-labels-idx1-ubyte.gz", labels)
        model = ["--model", "good/mnist-gru/model.safetensors"]
        size = len(images) + len(labels)
        attack.trial(f"{name} ({size} bytes)", "mnist-gru", ["predict", "--index", "0", *model, "--data", "data"], **expected)

    labels, images = idx((100,), 100), idx((100, 28, 28), 78_400)
    data("100 digits", images, labels, expect="accept")
    data("images of 980 MB", idx((1_250_000, 28, 28), 980_000_000), labels, says="may expand to at most")
    data("images of 30 MB", idx((40_000, 28, 28), 40_000 * 784), labels, says="may expand to at most")
    data("a header of 4 billion images", idx((2**32 - 1, 28, 28), 784), labels)
    data("100 images and 500 MB", idx((100, 28, 28), 500_000_000), labels)
    data("labels of 900 MB", images, idx((900_000_000,), 900_000_000))
    data("a header of 4 billion plain images", idx_header((2**32 - 1, 28, 28)) + bytes(784), labels)
    data("45,000 empty gzip members", images + packed_zeros(0) * 45_000, labels, expect="any")
    for path in ("/dev/zero", "fifo"):
        target = attack.folder / "data/t10k-labels-idx1-ubyte"
        target.unlink(missing_ok=True)
        target.symlink_to(path if path.startswith("/") else attack.folder / path)
        attack.trial(f"{path} as the labels", "mnist-gru", ["predict", "--index", "0", "--model", "good/mnist-gru/model.safetensors", "--data", "data"])
    for path in ("/dev/zero", "fifo", "/dev/stdin", "."):
        attack.trial(f"{path} as the picture", "mnist-gru", ["predict", "--image", path, "--model", "good/mnist-gru/model.safetensors"])


def prices(attack):
    def csv(name, text, **expected):
        path = attack.write("prices.csv", text)
        model = ["--model", "good/stock-lstm/model.safetensors"]
        attack.trial(f"{name}, predict", "stock-lstm", ["predict", "--scale-on", "all", "--csv", path, *model], **expected)
        attack.trial(f"{name}, train", "stock-lstm", ["--csv", path, "--dry-run", "--no-plots"], **expected)

    good = "Open,High,Low,Volume,Close\n"
    csv("a line of 1,000,000 commas", "," * 1_000_000)
    csv("a header of 1,000,000 commas", good.strip() + "," * 1_000_000 + "\n1,1,1,1,1")
    csv("an unmatched quotation mark", good + '1,1,1,1,"' + "1\n" * 500_000)
    csv("a number of 1,000,000 digits", good + "9" * 1_000_000 + ",1,1,1,1\n")
    csv("1,000,000 empty lines", "\n" * 1_000_000)
    csv("500,000 comments and a wrong line", good + "#\n" * 499_000 + "x,1,1,1,1\n")
    csv("100,000 equal days", good + "1,1,1,1,1\n" * 99_000, expect="any")
    csv("one wrong line after 99,000", good + "1,2,3,4,5\n" * 99_000 + "x\n")
    csv("no UTF-8", b"\xff" * 1_000_000)
    csv("zeros", bytes(1_000_000))
    for path in ("/dev/zero", "fifo", "/dev/stdin", "."):
        attack.trial(f"{path} as the prices", "stock-lstm", ["--csv", path, "--dry-run"])
    attack.write("scaled/model.safetensors", safetensors(model_shapes("stock-lstm")))
    day = good + "".join(f"{i},{i + 2},{i},{i},{i + 1}\n" for i in range(1, 60))
    attack.write("days.csv", day)
    arguments = ["predict", "--csv", "days.csv", "--model", "scaled/model.safetensors"]
    for name, config in (
        ("nested lists", '{"lesson":"stock-lstm","scaler":' + "[" * 900_000),
        ("2 MB", "{" + " " * 2_000_000),
        ("many entries", "{" + ",".join(f'"a{k}":[[[]]]' for k in range(60_000)) + ',"scaler":{"x":1},"lesson":"stock-lstm"}'),
    ):
        attack.write("scaled/config.json", config)
        attack.trial(f"config.json: {name}", "stock-lstm", arguments)
    os.remove(attack.folder / "scaled/config.json")
    os.mkfifo(attack.folder / "scaled/config.json")
    attack.trial("config.json: a FIFO", "stock-lstm", arguments, says="FIFO")


def checkpoints(attack):
    def checkpoint(name, config=(), says=None, **entries):
        shapes = model_shapes("text-rnn", 5)
        size = max(4 * 16 * 16, 4)
        model = {key: Tensor(Storage("0", size // 4), shape) for key, shape in shapes.items()}
        options = {"lesson": "text-rnn", "epochs": 3, "lr": 0.01, "seed": 0, "hidden_size": 5, "num_layers": 1, "backend": "exact", "device": "cpu", "threads": 2}
        value = {
            "lesson": "text-rnn",
            "config": {**options, **dict(config)},
            "epoch": 1,
            "train_seconds": 1.0,
            "model": model,
            "optimizer": {"state": {}, "param_groups": []},
            "scheduler": None,
            "best": None,
            "rng_state": Tensor(Storage("1", 5056, BYTES), (5056,)),
            "batch": None,
            **entries,
        }
        attack.write("run/checkpoint.pt", pt(value, {"0": bytes(size), "1": bytes(5056)}))
        attack.write("run/metrics.jsonl", '{"epoch":1,"loss":2.5}\n')
        attack.trial(f"--resume: {name}", "text-rnn", ["--resume", "--out", "run", "--no-plots"], says=says)

    checkpoint("no optimizer state")
    checkpoint("20,000 hidden units", {"hidden_size": 20_000}, says="has hidden_size = 20000 and num_layers")
    checkpoint("2^40 hidden units", {"hidden_size": 2**40})
    checkpoint("1,000,000 layers", {"num_layers": 1_000_000})
    checkpoint("0 hidden units", {"hidden_size": 0})
    checkpoint("4 billion epochs done", epoch=2**32 - 1)
    checkpoint("2 billion threads", {"threads": 2**31 - 1})
    checkpoint("90,000 losses in a batch", batch={"rng_state": Tensor(Storage("1", 5056, BYTES), (5056,)), "losses": [0.5] * 90_000})
    checkpoint("a random state of one byte", rng_state=Tensor(Storage("1", 5056, BYTES), (1,)))
    checkpoint("a config with 60,000 entries", {f"k{k}": k for k in range(60_000)})
    resume = ["--resume", "--epochs", "9", "--out", "real", "--no-plots"]
    attack.start("text-rnn", ["--epochs", "5", "--out", "real", "--no-plots"])
    for name, metrics in (
        ("a metrics line of 1 MB", b'{"epoch":1,"loss":' + b"[" * 1_000_000),
        ("metrics of a million lines", b"\n" * 1_000_000),
        ("metrics with an infinite loss", b'{"epoch":1,"loss":1e999}\n' * 5),
        ("metrics that end early", b'{"epoch":1,"lo'),
    ):
        attack.write("real/metrics.jsonl", metrics)
        attack.trial(f"--resume: {name}", "text-rnn", resume)
    (attack.folder / "real/metrics.jsonl").unlink()
    os.mkfifo(attack.folder / "real/metrics.jsonl")
    (attack.folder / "real/summary.json").unlink()
    attack.trial("--resume: a FIFO as metrics", "text-rnn", resume, says="FIFO")
    attack.trial("a FIFO as metrics of the run folder", "text-rnn", ["--out", "real", "--no-plots"], says="FIFO")
    for path in ("/dev/zero", "fifo"):
        target = attack.folder / "run/checkpoint.pt"
        target.unlink()
        target.symlink_to(path if path.startswith("/") else attack.folder / path)
        attack.trial(f"--resume: {path} as the checkpoint", "text-rnn", ["--resume", "--out", "run", "--no-plots"])


def notebooks(attack):
    def expected(name, text):
        attack.write("notebooks/expected/text-rnn.json", text)
        attack.trial(f"compare: {name}", "text-rnn", ["compare", "--notebooks", "notebooks", "--no-plots"])

    expected("nested lists", '{"format":' + "[" * 900_000)
    expected("zeros", bytes(1_000_000))
    expected("a million numbers", '{"format":1,"quantities":[' + "0," * 490_000 + "0]}")
    whole = Path(__file__).parents[2] / "notebooks-ref/expected/text-rnn.json"
    reference = json.loads(whole.read_text())
    for key, value in (("notebook", "/dev/zero"), ("notebook", str(attack.folder / "fifo")), ("notebook", ".")):
        expected(f"{key} is {value}", json.dumps({**reference, key: value}))
    attack.write("notebooks/bad.ipynb", '{"cells":' + "[" * 900_000)
    expected("a nested notebook", json.dumps({**reference, "notebook": "bad.ipynb"}))
    os.remove(attack.folder / "notebooks/expected/text-rnn.json")
    os.mkfifo(attack.folder / "notebooks/expected/text-rnn.json")
    attack.trial("compare: a FIFO", "text-rnn", ["compare", "--notebooks", "notebooks", "--no-plots"], says="FIFO")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=Path, default=Path(__file__).parents[2] / "target/debug")
    parser.add_argument("--only", help="run the trials whose name contains this text")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every trial")
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        attack = Attack(Path(folder), args.bin_dir.resolve(), args.only, args.verbose)
        os.mkfifo(attack.folder / "fifo")
        attack.write("seven.jpg", jpeg(seven(), 192, 192))
        attack.write("data/goog.csv", "Open,High,Low,Volume,Close\n" + "".join(f"{i},{i},{i},{i},{i}\n" for i in range(1, 60)))
        attack.measure_baseline()
        for group in (pictures, models, vocabularies, digits, prices, checkpoints, notebooks):
            group(attack)
        print(
            f"{attack.trials} trials, {len(attack.failures)} failures in {time.monotonic() - began:.0f} s; largest refusal "
            f"{attack.largest[0]:.0f} MB ({attack.largest[1]}), slowest {attack.slowest[0]:.2f} s ({attack.slowest[1]})"
        )
    return 1 if attack.failures else 0


if __name__ == "__main__":
    sys.exit(main())
