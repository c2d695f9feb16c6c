#!/usr/bin/env bash
# Builds the lessons and the tests into one folder for a GPU machine without Rust. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/bundle.sh [--torch VERSION | --torch-folder DIR] [OUT]

Builds the lessons and the test binaries for one libtorch and puts them into the folder OUT (under 48 MB), with the data
and the notebooks that they need. Then copy OUT to a machine that has a Python with the same torch. It needs neither Rust nor a
network. Run there:

  OUT/run-gpu-checks.sh

  --torch VERSION      2.13.0, the default, or 2.11.0
  --torch-folder DIR   use the libtorch in DIR, the folder 'torch' of a Python; no torch is downloaded
  --help               print this text

The default of OUT is target/bundle. Inside this repository OUT must be a folder that git ignores. A bundle in OUT is replaced.
Without --torch-folder, the libtorch is .libtorch if it has the right VERSION. Otherwise pip downloads PyPI's torch to
target/torch/VERSION (about 540 MB). scripts/build-with.sh builds in target/with/VERSION. Both folders are kept, so a second run is
fast. Cargo downloads its index and missing crates, and scripts/fetch-data.sh downloads missing data.

Environment:
  PYTHON    the Python whose pip downloads torch. Default: that of .venv, or the first python3; torch needs 3.10 to 3.14"

main() {
    local version='' torch='' out=''
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) printf '%s\n' "$usage" && exit ;;
            --torch) [ $# -gt 1 ] || refuse '--torch needs a version' && version=$2 && shift ;;
            --torch-folder) [ $# -gt 1 ] || refuse '--torch-folder needs a folder' && torch=$2 && shift ;;
            -*) refuse "unknown option: $1" ;;
            *) [ -z "$out" ] || refuse "more than one OUT: $out and $1" && out=$1 ;;
        esac
        shift
    done
    [ -z "$version" ] || [ -z "$torch" ] || refuse '--torch and --torch-folder exclude each other'
    [ -z "$out" ] || out=$(absolute "$out")
    [ -z "$torch" ] || torch=$(absolute "$torch")
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    # shellcheck source=scripts/lib/common.sh
    . scripts/lib/common.sh
    out=${out:-$PWD/target/bundle}
    find_python
    refuse_inside "$out"
    if [ -e "$out" ] && [ ! -f "$out/bundle.json" ]; then
        die "$out exists and is not a bundle: name a new folder, or move it away"
    fi
    command -v objdump > /dev/null || die 'strip and objdump are missing: install binutils'
    if [ -n "$torch" ]; then
        [ -f "$torch/version.py" ] || die "$torch has no version.py: it is not the folder 'torch' of a Python"
    else
        find_torch "${version:-2.13.0}"
    fi
    scripts/fetch-data.sh

    temporary=$out.partial
    clean_up_on_exit
    rm -rf "$temporary"
    mkdir -p "$temporary"
    # The programs find libtorch through a link that run-gpu-checks.sh makes next to their folder.
    # shellcheck disable=SC2016 # the dynamic linker expands $ORIGIN
    LIBTORCH_RPATH='$ORIGIN/../libtorch' scripts/build-with.sh "$torch" test --release --workspace --no-run \
        --message-format=json-render-diagnostics > "$temporary/cargo.json"
    "$python" scripts/bundle/collect.py "$temporary/cargo.json" "$torch" "$temporary"
    rm "$temporary/cargo.json"
    rm -rf "$out"
    mv "$temporary" "$out"
    printf 'Ready. Copy %s to the machine with the GPU, and run run-gpu-checks.sh there.\n' "$out"
}

absolute() {
    case $1 in
        /*) printf '%s' "${1%/}" ;;
        *) printf '%s' "$PWD/${1%/}" ;;
    esac
}

# build-with.sh copies everything that git does not ignore, so it would copy an earlier bundle too.
refuse_inside() {
    local real
    real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.argv[1]))' "$1")
    case $real/ in
        "$(pwd -P)"/*)
            git check-ignore -q "$1" || die "$1 is inside this repository, and git does not ignore it: name another folder, such as
  scripts/bundle.sh ${version:+--torch $version }${torch:+--torch-folder $torch }target/${1##*/}"
            ;;
    esac
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} .venv/bin/python python3; do
        if is_program "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
            python=$candidate
            return
        fi
    done
    die 'no Python 3.10 or newer: install python3, or set PYTHON=/path/to/python3'
}

# Sets `torch` to the folder of a libtorch VERSION.
find_torch() {
    # The versions of tch and libtorch that belong together.
    grep -q "^[0-9.]* $1\$" crates/libtorch-build/versions.txt || die "torch $1 is not supported: no version of tch here needs it"
    torch=.libtorch
    [ "$(version_in "$torch")" != "$1" ] || return 0
    torch=target/torch/$1/torch
    [ "$(version_in "$torch")" != "$1" ] || return 0
    mkdir -p target/torch
    lock "target/torch/$1.lock"
    [ "$(version_in "$torch")" = "$1" ] || download_torch "$1"
    unlock
}

download_torch() {
    printf 'torch %s: downloading it from PyPI (about 540 MB)\n' "$1"
    local partial=target/torch/$1.partial
    rm -rf "$partial"
    mkdir -p "$partial/tmp"
    # pip unpacks on the disk of the result. Nothing runs this torch here, so its dependencies are not installed.
    TMPDIR=$PWD/$partial/tmp PIP_USER=0 "$python" -m pip install --no-input --quiet --disable-pip-version-check --no-deps \
        --no-compile --only-binary=:all: --target "$partial" "torch==$1" \
        || die "pip cannot download torch $1 (see above). --torch-folder DIR uses the torch of another Python"
    rm -rf "$partial/tmp" "target/torch/$1"
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
