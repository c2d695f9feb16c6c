#!/usr/bin/env python3
"""Attacks what the programs print, and what they need: full disks, escape sequences, too little memory, senseless numbers.

    cargo build -p text-rnn -p stock-lstm -p rnn-lm -p pt-file
    scripts/attack/terminal.py [--bin-dir target/debug] [--only TEXT]

Prints a line for each trial that fails, and a closing line. A trial fails on a wrong exit code or message. In every trial it is also
a failure if a program dies of a signal, panics, prints a control character or a C++ backtrace, or if a refusal (exit code 1 or 2,
without a memory limit) takes more than 5 s or 700 MB. Exit code 1 if a trial fails. Takes less than a minute. Needs Linux and Python's standard library.
"""

import argparse
import io
import json
import os
import pickle
import pty
import re
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

SECONDS, MEGABYTES = 5.0, 700.0
# With RUST_BACKTRACE a panic is printed on purpose.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("RUST_BACKTRACE", "OMP_NUM_THREADS")}
# Control characters except line break and tab, line separators, and the controls of bidirectional text.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
EVIL = "x\x1b[2J\x1b]0;title\x07\r\nerror: forged\u202e\x9b31m\u2028"
CSV = "Open,High,Low,Volume,Close\n" + "".join(f"{i},{i},{i},{i},{i}\n" for i in range(1, 60))
TEXT = "the whale sees the ship and the sea .\n" * 200


def safetensors(tensors, metadata=None):
    """The bytes of a safetensors file of f32 tensors: name -> (shape, bytes)."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, (shape, content) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    entries = ((name, entry) for name, entry in header.items() if name != "__metadata__")
    return {name: (entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in entries}


def pt(records):
    """The bytes of a .pt file with these records, name -> bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in records.items():
            archive.writestr(f"archive/{name}", content)
    return out.getvalue()


def pt_value(value):
    return pt({"data.pkl": pickle.dumps(value, protocol=2), "version": b"3\n"})


class Attack:
    def __init__(self, folder, programs, only):
        self.folder, self.programs, self.only = folder, programs, only
        self.trials, self.failures = 0, 0
        self.largest, self.slowest = (0.0, "none"), (0.0, "none")

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, program, arguments, stdout=None, stderr=None, limit=None, timeout=60, environment=None):
        """Returns exit code, stdout, stderr, seconds and megabytes."""

        def before():
            if limit:
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        began = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [str(self.programs / program), *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=err if stderr is None else stderr,
                preexec_fn=before,
                env={**ENVIRONMENT, "CUDA_VISIBLE_DEVICES": "", **(environment or {})},
            )
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = code = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - began
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        return code, *texts, seconds, usage.ru_maxrss / 1024

    def trial(self, name, program, arguments, code=None, says=(), never=(), check=None, **options):
        if self.only and self.only not in name:
            return None
        self.trials += 1
        found, out, err, seconds, megabytes = self.run(program, arguments, **options)
        faults = []
        if found < 0:
            faults.append(f"died of signal {-found}")
        if code is not None and found != code:
            faults.append(f"exit code {found}, not {code}")
        printed = out + err
        if control := CONTROLS.search(printed):
            faults.append(f"printed {control.group()!r}")
        for text in ("panicked", "panic at", "frame #", "enforce fail", *never):
            if text in printed:
                faults.append(f"printed {text!r}")
        if any(line.startswith("error: forged") for line in printed.splitlines()):
            faults.append("printed a forged line")
        faults.extend(f"did not print {text!r}" for text in ([says] if isinstance(says, str) else says) if text not in printed)
        if found in (1, 2) and not {"stdout", "limit"} & set(options):  # a refusal
            self.largest = max(self.largest, (megabytes, name))
            self.slowest = max(self.slowest, (seconds, name))
            if seconds > SECONDS or megabytes > MEGABYTES:
                faults.append(f"took {seconds:.1f} s and {megabytes:.0f} MB")
        if check and (fault := check()):
            faults.append(fault)
        if faults:
            self.failures += 1
            last = printed.strip().splitlines()[-1:] or ["nothing"]
            print(f"FAIL {name}: {'; '.join(faults)}; the last line was {last[0][:300]!r}", flush=True)
        return found, out, err

    def is_complete(self, out):
        """None, or what is missing in a run folder."""
        missing = [name for name in ("summary.json", "model.pt", "checkpoint.pt") if not (self.folder / out / name).exists()]
        return f"{out} has no {', '.join(missing)}" if missing else None


TRAIN = {
    "text-rnn": ["-e", "200"],
    "stock-lstm": ["--csv", "prices.csv", "-e", "3"],
    "rnn-lm": ["--corpus", "corpus.txt", "-e", "1", "--hidden-size", "8", "-b", "4"],
}


def messages_that_cannot_be_written(attack):
    with open("/dev/full", "w") as full:
        for program, options in TRAIN.items():
            arguments = [*options, "--no-plots", "--out", f"err/{program}"]
            attack.trial(
                f"{program}: training, stderr is full", program, arguments, 0, stderr=full,
                check=lambda: attack.is_complete(f"err/{program}"),
            )
        attack.trial("a usage error, stderr is full", "text-rnn", ["--epochs", "0"], 2, stderr=full)
        attack.trial("a missing model, stderr is full", "text-rnn", ["eval", "none.pt"], 1, stderr=full)
        attack.trial("doctor, stderr is full", "text-rnn", ["doctor"], 0, stderr=full)
        attack.trial("eval -v, stderr is full", "text-rnn", ["eval", "-v", "err/text-rnn/model.pt"], 0, stderr=full)
        attack.trial("pt-file: a missing file, stderr is full", "pt-file", ["none.pt"], 1, stderr=full)
    arguments = [*TRAIN["text-rnn"], "--no-plots", "--overwrite", "--out", "err/pipe"]
    reading, writing = os.pipe()
    os.close(reading)
    attack.trial("training, stderr is a closed pipe", "text-rnn", arguments, 0, stderr=writing)
    os.close(writing)
    terminal, writing = pty.openpty()
    os.close(terminal)
    environment = {"TERM": "xterm"}
    attack.trial("training, stderr is a closed terminal", "text-rnn", arguments, 0, stderr=writing, environment=environment)
    os.close(writing)


def results_that_cannot_be_written(attack):
    said = ["cannot write to stdout: No space left on device", "is complete"]
    with open("/dev/full", "w") as full:
        for program, options in TRAIN.items():
            for json_option in ([], ["--json"]):
                out = f"out/{program}{len(json_option)}"
                arguments = [*options, *json_option, "--no-plots", "--out", out]
                attack.trial(
                    f"{program}: training {' '.join(json_option)}, stdout is full", program, arguments, 1, said, stdout=full,
                    check=lambda: attack.is_complete(out),
                )
        attack.trial("eval, stdout is full", "text-rnn", ["eval", "out/text-rnn0/model.pt"], 1, said[0], stdout=full)
        attack.trial("doctor, stdout is full", "text-rnn", ["doctor"], 1, said[0], stdout=full)
        attack.trial("pt-file, stdout is full", "pt-file", ["out/text-rnn0/model.pt"], 1, "cannot write", stdout=full)
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [*TRAIN["text-rnn"], "--no-plots", "--out", "out/pipe"]
    attack.trial("training, stdout is a closed pipe", "text-rnn", arguments, 0, stdout=writing)
    os.close(writing)


def escape_sequences(attack):
    run = ["-q", "-e", "2", "--no-plots", "--format", "safetensors"]
    attack.run("text-rnn", [*run, "--out", "good"])
    attack.run("rnn-lm", [*run, *TRAIN["rnn-lm"], "--out", "lm"])
    tensors = read_safetensors(attack.folder / "good/model.safetensors")
    attack.write("key.st", safetensors({**tensors, EVIL: ([1], bytes(4))}))
    attack.trial("a state_dict key", "text-rnn", ["eval", "key.st"], 1, "Unexpected key(s)")
    half = safetensors({EVIL: ([1], bytes(4))}).replace(b'"F32"', b'"F8_E4M3"').replace(b"[0, 4]", b"[0, 1]")
    header = half[8 : 8 + struct.unpack("<Q", half[:8])[0] + 4]
    attack.write("dtype.st", struct.pack("<Q", len(header)) + header + bytes(1))
    attack.trial("a safetensors name with a dtype", "text-rnn", ["eval", "dtype.st"], 1)
    attack.write("lesson.pt", pt_value({"lesson": EVIL}))
    attack.trial("the lesson of a model", "text-rnn", ["eval", "lesson.pt"], 1, "is a checkpoint of")
    attack.write("resumed/checkpoint.pt", pt_value({"lesson": EVIL}))
    attack.trial("the lesson of a checkpoint", "text-rnn", ["--resume", "--out", "resumed"], 1, "is a checkpoint of")
    attack.write("kind.pt", pt_value({EVIL: 1}))
    attack.trial("a key of a value that is no tensor", "text-rnn", ["eval", "kind.pt"], 1)
    attack.trial("pt-file lists a key", "pt-file", ["kind.pt"], 0)
    attack.write("text.pt", pt_value({"가중치": EVIL}))
    attack.trial("pt-file lists a string", "pt-file", ["text.pt"], 0, "가중치")
    attack.trial("pt-file lists a string as JSON", "pt-file", ["--json", "text.pt"], 0, "가중치")
    attack.write("global.pt", pt({"data.pkl": b"\x80\x02cos\x1b[2J\nsys\x07tem\n.", "version": b"3\n"}))
    attack.trial("the name of a global", "pt-file", ["global.pt"], 0, "tem")
    attack.trial("a file name", "text-rnn", ["eval", "no\x1b[2Jfile"], 1, "there is no such file")
    attack.trial("a file name of pt-file", "pt-file", ["no\x1b[2Jfile"], 1)
    attack.write("cell.csv", CSV + f'1,2,3,4,"{EVIL}"\n')
    attack.trial("a cell of a price file", "stock-lstm", ["--csv", "cell.csv", "--out", "cell"], 1, "is not a number")
    attack.write("head.csv", f'Open,"{EVIL}"\n1,2\n')
    attack.trial("the header of a price file", "stock-lstm", ["--csv", "head.csv", "--out", "cell"], 1)
    vocabulary = json.loads((attack.folder / "lm/vocabulary.json").read_text())
    for unit in ("word", "char"):
        words = [f"{EVIL}고래{i}" for i in range(len(vocabulary["words"]))]
        attack.write("lm/vocabulary.json", json.dumps({**vocabulary, "unit": unit, "words": words}))
        for options in ([], ["--length", "5"], ["--json"], ["--unk"]):
            name = f"words of a vocabulary of {unit}s, predict {' '.join(options)}"
            if unit == "char" and "--length" in options:
                continue  # a line break is a character there
            attack.trial(name, "rnn-lm", ["predict", "a", "--model", "lm/model.safetensors", *options], 0, "고래")
    attack.write("lm/vocabulary.json", json.dumps({**vocabulary, "unit": EVIL}))
    attack.trial("the unit of a vocabulary", "rnn-lm", ["predict", "a", "--model", "lm/model.safetensors"], 1, "is not a vocabulary")
    attack.write("lm/vocabulary.json", json.dumps(vocabulary))
    config = json.loads((attack.folder / "lm/config.json").read_text())
    attack.write("lm/config.json", json.dumps({**config, "corpus": EVIL}))
    attack.trial("the corpus of a model's config.json", "rnn-lm", ["eval", "lm/model.safetensors"], 1, "cannot read the corpus")


def too_little_memory(attack):
    for megabytes in range(700, 2700, 500):
        for hidden in (3000, 6000):
            arguments = ["-q", "-e", "2", "--no-plots", "--overwrite", "--threads", "1", "--out", "small"]
            attack.trial(
                f"text-rnn --hidden-size {hidden} in {megabytes} MB", "text-rnn",
                [*arguments, "--hidden-size", str(hidden)], limit=megabytes << 20,
                never=("could not create a primitive", "std::bad_alloc", "DefaultCPUAllocator"),
            )


def numbers(attack):
    for count in ("100000", "2147483647", "99999999999"):
        attack.trial(f"--threads {count}", "text-rnn", ["--threads", count], 2, "expected a whole number from 1 to")
        attack.trial(f"doctor --threads {count}", "text-rnn", ["doctor", "--threads", count], 2)
    attack.run("text-rnn", ["-q", "-e", "2", "--no-plots", "--threads", "1", "--out", "threads"])
    path = attack.folder / "threads/checkpoint.pt"
    with zipfile.ZipFile(path) as archive:
        records = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    for threads in (100_000, 2**31 - 1, -1):
        changed = re.sub(rb"(threads(?:q.|r....)?)K\x01", lambda it: it[1] + b"J" + struct.pack("<i", threads), records["data.pkl"], flags=re.S)
        path.write_bytes(pt({**records, "data.pkl": changed}))
        attack.trial(
            f"a checkpoint with threads = {threads}", "text-rnn", ["--resume", "-e", "3", "--out", "threads", "--no-plots"], 2,
            f"threads = {threads} is not a valid number of threads",
        )
    attack.trial("--num-layers 20000", "text-rnn", ["--num-layers", "20000"], 2, "from 1 to 256")
    attack.trial("--hidden-size 1e18", "text-rnn", ["--hidden-size", "1" + 18 * "0"], 2, "from 1 to 1000000")
    huge = ["--hidden-size", "1000000", "--num-layers", "256", "--out", "huge"]
    for program, options in TRAIN.items():
        attack.trial(f"{program}: a huge network", program, [*options, *huge], 1, "not enough memory: at least")
        attack.trial(f"{program}: --explain of a huge network", program, [*options, *huge, "--explain"], 1, "not enough memory: at least")
    attack.write("long.txt", " ".join(f"w{i % 40_000} w{i % 39_999}" for i in range(150_000)))
    attack.trial(
        "rnn-lm --bptt 1e9", "rnn-lm",
        ["--corpus", "long.txt", "--bptt", "1000000000", "--min-count", "1", "--out", "bptt", "--threads", "1"], 1,
        ["not enough memory: at least", "--bptt"], limit=4 << 30,
    )
    attack.write("chars.txt", "the whale " * 4_000_000)
    attack.trial(
        "rnn-lm --chars with a corpus of 40 MB in 850 MB", "rnn-lm", ["--corpus", "chars.txt", "--chars", "--out", "chars", "--threads", "1"], 1,
        "not enough memory: at least", limit=850 << 20,
    )
    attack.trial(
        "rnn-lm --bptt beyond the corpus", "rnn-lm",
        [*TRAIN["rnn-lm"], "--bptt", str(2**62), "--no-plots", "--out", "clamped"], 0,
    )


def weights_that_are_not_finite(attack):
    attack.run("text-rnn", ["-q", "-e", "2", "--no-plots", "--format", "safetensors", "--out", "finite"])
    tensors = read_safetensors(attack.folder / "finite/model.safetensors")
    for value in (float("nan"), float("inf")):
        name = "rnn.weight_hh_l0"
        shape, content = tensors[name]
        attack.write("nan.st", safetensors({**tensors, name: (shape, struct.pack("<f", value) + content[4:])}))
        notebooks = Path(__file__).resolve().parents[2] / "notebooks-ref"
        for command in (
            ["eval", "nan.st"],
            ["predict", "i like", "--model", "nan.st"],
            ["gates", "i like", "--model", "nan.st", "--out", "gates"],
        ):
            attack.trial(f"{command[0]} with {value} in a weight", "text-rnn", command, 1, [name, "NaN or infinite"], ["perplexity"])
        command = ["compare", "--checkpoint", "nan.st", "--notebooks", str(notebooks), "--no-plots"]
        attack.trial(f"compare --checkpoint with {value} in a weight", "text-rnn", command, 1, never=["perplexity"])


def messages(attack):
    attack.trial("--epochs 1e12", "text-rnn", ["--epochs", "1000000000000"], 2, "expected a whole number from 1 to 4294967295")
    attack.trial("an extra word", "text-rnn", ["-e", "3", "wrod"], 2, "unexpected argument 'wrod'", ["subcommand"])
    attack.write("utf16.txt", TEXT.encode("utf-16"))
    attack.trial("a UTF-16 corpus", "rnn-lm", ["--corpus", "utf16.txt", "--out", "x"], 1, "iconv -f utf-16 ", ["cp949"])
    attack.write("utf16le.txt", TEXT.encode("utf-16-le"))
    attack.trial("a UTF-16 corpus without a mark", "rnn-lm", ["--corpus", "utf16le.txt", "--out", "x"], 1, "iconv -f utf-16le ", ["cp949"])
    attack.write("cp949.txt", "나는 학교에 간다. ".encode("cp949") * 100)
    attack.trial("a CP949 corpus", "rnn-lm", ["--corpus", "cp949.txt", "--out", "x"], 1, "iconv -f cp949 ")
    attack.run("rnn-lm", ["-q", *TRAIN["rnn-lm"], "--no-plots", "--out", "seed"])
    predict = ["predict", "the", "--length", "3", "--model", "seed/model.pt", "--seed"]
    for seed in ("-1", str(-(2**63)), str(2**63 - 1)):
        attack.trial(f"predict --seed {seed}", "rnn-lm", [*predict, seed], 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=Path, default=Path(__file__).resolve().parents[2] / "target/debug")
    parser.add_argument("--only", help="run the trials whose name contains this text")
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        attack = Attack(Path(folder), args.bin_dir.resolve(), args.only)
        attack.write("prices.csv", CSV)
        attack.write("corpus.txt", TEXT)
        for group in (
            messages_that_cannot_be_written,
            results_that_cannot_be_written,
            escape_sequences,
            too_little_memory,
            numbers,
            weights_that_are_not_finite,
            messages,
        ):
            group(attack)
        print(
            f"{attack.trials} trials, {attack.failures} failures in {time.monotonic() - began:.0f} s; largest refusal "
            f"{attack.largest[0]:.0f} MB ({attack.largest[1]}), slowest {attack.slowest[0]:.2f} s ({attack.slowest[1]})"
        )
    return 1 if attack.failures else 0


if __name__ == "__main__":
    sys.exit(main())
