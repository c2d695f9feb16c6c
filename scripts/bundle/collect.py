"""Collects the files of a bundle: `collect.py MESSAGES TORCH OUT`. scripts/bundle.sh calls it.

MESSAGES is the output of `cargo test --no-run --message-format=json-render-diagnostics`, TORCH the folder of the libtorch.
"""

import gzip
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 48  # MB; the folder and the sources together must fit into an upload of 64 MB
# Functions that mimalloc defines instead of the C library.
ALLOCATOR = {"malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "memalign", "malloc_usable_size", "strdup"}
# Packages without tests in the bundle: these tests run the compiler and need the sources.
LEFT_OUT = {"libtorch-build"}
EXAMPLES = {"toy"}  # examples that a test starts
# Files that tests, lessons and notebooks read, besides MNIST, which is compressed.
FILES = [
    "data/README.md",
    "data/goog.csv",
    "data/moby-dick/moby-dick.txt",
    "docs/course.md",
    "docs/guide.ko.md",
    "docs/lessons.md",
    "README.md",
    "examples/outside",
    "notebooks-ref",
    "crates/recurrent/fixtures",
    "crates/pt-file/tests/it/exchange.py",
]


def main():
    messages, torch, out = map(Path, sys.argv[1:])
    programs, tests = executables(messages)
    needs = {}
    for name, built in [*programs.items(), *((test["file"], test.pop("built")) for test in tests)]:
        install(built, out / name, needs)
    for test in tests:
        (out / test["folder"]).mkdir(parents=True, exist_ok=True)
    for name in FILES:
        copy(Path(name), out / name)
    for file in Path("data/mnist").glob("*-ubyte"):
        pack(file, out / file)
    shutil.copytree("scripts/bundle/checks", out / "checks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("scripts/bundle/run-gpu-checks.sh", out)
    manifest = {
        "torch": re.search(r"^__version__\D*([\d.]*\d)", (torch / "version.py").read_text(), re.M)[1],
        "commit": commit(),
        "built": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "needs": needs,
        "tests": tests,
    }
    (out / "bundle.json").write_text(json.dumps(manifest, indent=1) + "\n")
    report(out, programs, tests, needs)


def executables(messages):
    """The executables that cargo built: programs, by their path in the bundle, and tests."""
    programs, tests = {}, []
    for line in messages.read_text().splitlines():
        message = json.loads(line)
        if message["reason"] != "compiler-artifact" or not message["executable"]:
            continue
        target = message["target"]
        name, kind, test = target["name"], target["kind"], message["profile"]["test"]
        package = Path(message["manifest_path"]).parent.name
        if not test and kind == ["bin"]:
            programs[f"bin/{name}"] = message["executable"]
        elif not test and kind == ["example"] and name in EXAMPLES:
            programs[f"examples/{name}"] = message["executable"]
        elif test and kind != ["bin"] and package not in LEFT_OUT:  # a main.rs has no tests
            part = "it" if kind == ["test"] else "unit"
            tests.append({
                "name": f"{package} {part}",
                "file": f"tests/{package}-{part}",
                "folder": f"crates/{package}",
                "built": message["executable"],
            })
    if not programs or not tests:
        sys.exit("collect.py: cargo built no programs or no tests")
    return dict(sorted(programs.items())), sorted(tests, key=lambda test: test["name"])


def install(built, path, needs):
    """Compresses an executable without its symbols. Adds the newest library versions that it needs to `needs`."""
    path.parent.mkdir(exist_ok=True)
    subprocess.run(["strip", "-o", path, built], check=True)
    symbols = subprocess.run(["objdump", "-T", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    check_allocator(built, symbols)
    for library, version in re.findall(r"\b(GLIBC|GLIBCXX|CXXABI)_(\d[\d.]*)", symbols):
        needs[library] = max(needs.get(library, "0"), version, key=lambda it: [int(part) for part in it.split(".")])
    pack(path, path)
    path.unlink()


def check_allocator(built, symbols):
    """Checks that the program exports all functions of an allocator, or none. Otherwise a library that is loaded later, such as
    CUDA's, could pass memory from one malloc to the free of another.
    """
    defined = {line.split()[-1] for line in symbols.splitlines() if " .text" in line} & ALLOCATOR
    if defined not in (set(), ALLOCATOR):
        sys.exit(f"collect.py: {built} exports {sorted(defined)} of an allocator but not {sorted(ALLOCATOR - defined)}")


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def pack(source, target):
    """Compresses a file. checks/machine.py decompresses it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(source, "rb") as file, gzip.open(f"{target}.gz", "wb", compresslevel=9) as packed:
        shutil.copyfileobj(file, packed)


def commit():
    def git(*command):
        return subprocess.run(["git", *command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if git("status", "--porcelain") else "")


def report(out, programs, tests, needs):
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file() and file.name != "cargo.json") / 1e6
    print(f"{len(programs)} programs and {len(tests)} test binaries, {size:.1f} MB in all; they need",
          ", ".join(f"{library} {version}" for library, version in sorted(needs.items())))
    if size > LIMIT:
        sys.exit(f"collect.py: a bundle must be smaller than {LIMIT} MB")


if __name__ == "__main__":
    main()
