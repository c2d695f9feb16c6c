#!/usr/bin/env bash
# Builds the lessons and the tests into one folder for a GPU machine without Rust. See --help.
set -euo pipefail

usage="Usage: scripts/bundle.sh [--torch VERSION | --torch-folder DIR] [OUT]

Builds the lessons and the test binaries against one libtorch and puts them into the folder OUT (under 48 MB), with the data
and the notebooks that they need. A machine that has a Python with the same torch, but no Rust and no network, then runs

  OUT/run-gpu-checks.sh

  --torch VERSION      2.13.0, the default, or 2.11.0
  --torch-folder DIR   the libtorch in DIR, the folder 'torch' of a Python; then no torch is downloaded
  --help               this text

OUT is target/bundle if it is not given; inside this repository it has to be a folder that git ignores. A bundle that is there
already is replaced. Without --torch-folder the libtorch is .libtorch if
that is the VERSION asked for; otherwise pip fetches PyPI's torch into target/torch/VERSION (about 540 MB to download).
scripts/build-with.sh builds in target/with/VERSION. Both are kept: a second run is quick. Whatever the options, Cargo asks the
network for its index and for crates that are not here yet, and scripts/fetch-data.sh for data that are not.

Environment:
  PYTHON    the Python whose pip fetches torch, instead of .venv's or the first python3; torch needs 3.10 to 3.14"

main() {
    local version='' torch='' out=''
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) printf '%s\n' "$usage" && exit ;;
            --torch) [ $# -gt 1 ] || refuse '--torch wants a version' && version=$2 && shift ;;
            --torch-folder) [ $# -gt 1 ] || refuse '--torch-folder wants a folder' && torch=$2 && shift ;;
            -*) refuse "unknown option: $1" ;;
            *) [ -z "$out" ] || refuse "one OUT, not two: $out and $1" && out=$1 ;;
        esac
        shift
    done
    [ -z "$version" ] || [ -z "$torch" ] || refuse '--torch and --torch-folder: one of them'
    [ -z "$out" ] || out=$(absolute "$out")
    [ -z "$torch" ] || torch=$(absolute "$torch")
    cd -- "$(CDPATH='' dirname -- "${BASH_SOURCE[0]}")/.."
    out=${out:-$PWD/target/bundle}
    find_python
    refuse_inside "$out"
    if [ -e "$out" ] && [ ! -f "$out/bundle.json" ]; then
        die "$out is there and is no bundle: name a new folder, or move it away"
    fi
    command -v objdump > /dev/null || die 'strip and objdump are missing: install binutils'
    if [ -n "$torch" ]; then
        [ -f "$torch/version.py" ] || die "$torch has no version.py: it is no torch folder of a Python"
    else
        find_torch "${version:-2.13.0}"
    fi
    scripts/fetch-data.sh

    temporary=$out.partial
    trap 'rm -rf "$temporary"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    rm -rf "$temporary"
    mkdir -p "$temporary"
    # The programs find libtorch through a link that run-gpu-checks.sh makes beside their folder.
    # That machine has Python's torch: the tests that need it are not ignored there.
    # shellcheck disable=SC2016 # $ORIGIN is the dynamic linker's
    LIBTORCH_RPATH='$ORIGIN/../libtorch' REQUIRE_PYTHON_TORCH=1 \
        scripts/build-with.sh "$torch" test --release --workspace --no-run \
        --message-format=json-render-diagnostics > "$temporary/cargo.json"
    "$python" scripts/bundle/collect.py "$temporary/cargo.json" "$torch" "$temporary"
    rm "$temporary/cargo.json"
    rm -rf "$out"
    mv "$temporary" "$out"
    printf 'Ready. Copy %s to the machine with the GPU, and run there: run-gpu-checks.sh\n' "$out"
}

absolute() {
    case $1 in
        /*) printf '%s' "${1%/}" ;;
        *) printf '%s' "$PWD/${1%/}" ;;
    esac
}

# What git does not ignore is copied with the sources, an earlier bundle too.
refuse_inside() {
    local real
    real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.argv[1]))' "$1")
    case $real/ in
        "$(pwd -P)"/*)
            git check-ignore -q "$1" || die "$1 is inside this repository and git does not ignore it: name another folder, such as
  scripts/bundle.sh ${version:+--torch $version }${torch:+--torch-folder $torch }target/${1##*/}"
            ;;
    esac
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} .venv/bin/python python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
            python=$candidate
            return
        fi
    done
    die 'no Python 3.10 or newer: install python3, or name one by PYTHON=/path/to/python3'
}

# Sets `torch` to the folder of a libtorch VERSION.
find_torch() {
    # The pairs of a tch and its libtorch.
    grep -q "^pub const PAIRS.*\"$1\")" crates/libtorch-version/src/check.rs || die "torch $1: there is no tch here that binds it"
    torch=.libtorch
    [ "$(version_in "$torch")" != "$1" ] || return 0
    torch=target/torch/$1/torch
    [ "$(version_in "$torch")" != "$1" ] || return 0
    printf 'torch %s: fetching it from PyPI (about 540 MB to download)\n' "$1"
    local partial=target/torch/$1.partial
    rm -rf "target/torch/$1" "$partial"
    mkdir -p "$partial/tmp"
    # pip unpacks on the disk that holds the result. Nothing runs this torch here: what it depends on is left out.
    TMPDIR=$PWD/$partial/tmp PIP_USER=0 "$python" -m pip install --no-input --quiet --disable-pip-version-check --no-deps \
        --no-compile --only-binary=:all: --target "$partial" "torch==$1" \
        || die "pip could not fetch torch $1 (see above). --torch-folder takes that of a Python that has it"
    rm -rf "$partial/tmp"
    mv "$partial" "target/torch/$1"
}

version_in() { sed -n "s/^__version__[^0-9]*\([0-9][0-9.]*\).*/\1/p" "$1/version.py" 2> /dev/null || true; }

refuse() {
    printf 'bundle.sh: %s\n\n%s\n' "$1" "$usage" >&2
    exit 2
}

die() {
    printf 'bundle.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
