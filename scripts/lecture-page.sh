#!/usr/bin/env bash
# Writes the lecture page, models/lecture.html. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/lecture-page.sh [--models DIR] [--out FILE] [--train-all]

Writes one file that opens in any browser by double click: the lecture's networks, with the weights that you trained, computed in
the browser. The page is in English and Korean and needs no network.

It builds the WebAssembly module, trains the lessons that have no model (text-rnn and stock-lstm take seconds, mnist-gru about a
minute), and writes the page. The language model is in the page only if it has been trained: cargo run -p rnn-lm

  --models DIR   the folder with the lessons' run folders [default: models]
  --out FILE     the page [default: models/lecture.html]
  --train-all    also trains rnn-lm, if it has no model (some minutes)"

target=wasm32-unknown-unknown
models=models
out=models/lecture.html
lessons=(text-rnn stock-lstm mnist-gru)

die() { printf 'lecture-page.sh: error: %s\n' "$1" >&2 && exit 1; }
usage_error() { printf 'lecture-page.sh: %s\n\n%s\n' "$1" "$usage" >&2 && exit 2; }

# A path as seen from where the script was called.
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$called_from" "$1" ;; esac; }

main() {
    called_from=$PWD
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) printf '%s\n' "$usage" && exit ;;
            --train-all) lessons+=(rnn-lm) ;;
            --models | --out) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;&
            --models) models=$(absolute "$2") && shift ;;
            --out) out=$(absolute "$2") && shift ;;
            *) usage_error "unknown argument: $1" ;;
        esac
        shift
    done
    build_module
    for lesson in "${lessons[@]}"; do train "$lesson"; done
    [ -f "$models/rnn-lm/model.pt" ] \
        || printf 'The language model is not trained, so it is not in the page: cargo run -p rnn-lm, or --train-all\n'
    cargo run --quiet -p lecture-page -- --wasm "$(target_folder)/$target/page/lecture_page.wasm" --models "$models" --out "$out"
}

build_module() {
    if command -v rustup > /dev/null && ! rustup target list --installed | grep -qx "$target"; then
        rustup target add "$target" || die "cannot install the target $target: rustup target add $target"
    fi
    printf 'Building the WebAssembly module\n'
    # Every browser since 2023 has 128-bit SIMD.
    RUSTFLAGS='-C target-feature=+simd128' cargo build --quiet -p lecture-page --lib --profile page --target "$target" \
        || die 'the WebAssembly module could not be built (see above)'
}

# The folder of Cargo's output.
target_folder() {
    cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# Trains a lesson that has no model.
train() {
    [ ! -f "$models/$1/model.pt" ] || return 0
    printf 'Training %s, because %s/%s/model.pt does not exist\n' "$1" "$models" "$1"
    cargo run --quiet -p "$1" -- --quiet --out "$models/$1" > /dev/null || die "$1 could not be trained (see above)"
}

main "$@"
