#!/usr/bin/env bash
# Tests the lecture page in a browser without a window. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-lecture-page.sh [--models DIR] [--page FILE] [--lessons DIR] [--screenshots DIR] [--report-times]

Opens the lecture page in headless Chromium: types words, drags the window, draws a 3 with the mouse. Compares the words and numbers
with those of the lessons' own 'predict' (within 1e-4), and checks that nothing is fetched, and the times. Needs node 20 and
chromium (Debian: apt-get install chromium nodejs). Without them nothing is tested, and the last line says 'skipped'.

  --models DIR        the models in the page [default: models]
  --page FILE         tests this page [default: a new one, from scripts/lecture-page.sh, in a temporary folder]
  --lessons DIR       the folder with the lessons' programs [default: Cargo builds them]
  --screenshots DIR   also writes screenshots into this folder
  --report-times      prints the times; does not compare them with their limits, for a busy machine"

page='' lessons='' models='' temporary=''
export SCREENSHOTS='' LECTURE_TIMES='check'

usage_error() { printf 'test-lecture-page.sh: %s\n\n%s\n' "$1" "$usage" >&2 && exit 2; }
skip() { printf 'test-lecture-page.sh: skipped: %s\n' "$1" && exit; }

# A path as seen from where the script was called.
absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$called_from" "$1" ;; esac; }

main() {
    called_from=$PWD
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    models=$PWD/models
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) printf '%s\n' "$usage" && exit ;;
            --report-times) LECTURE_TIMES=report ;;
            --models | --page | --lessons | --screenshots) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;&
            --models) models=$(absolute "$2") && shift ;;
            --page) page=$(absolute "$2") && shift ;;
            --lessons) lessons=$(absolute "$2") && shift ;;
            --screenshots) SCREENSHOTS=$(absolute "$2") && mkdir -p "$SCREENSHOTS" && shift ;;
            *) usage_error "unknown argument: $1" ;;
        esac
        shift
    done
    command -v node > /dev/null || skip 'node is not installed'
    node --input-type=module -e "
        import { findChromium } from './crates/lecture-page/tests/browser.js';
        process.exit(findChromium() ? 0 : 1)" || skip 'chromium is not installed'
    node crates/lecture-page/web/draw-diagrams.js docs --check
    temporary=$(mktemp -d) && trap 'rm -rf "$temporary"' EXIT && trap 'exit 130' INT TERM
    if [ -z "$page" ]; then
        page=$temporary/lecture.html
        scripts/lecture-page.sh --models "$models" --out "$page"
    fi
    if [ -z "$lessons" ]; then
        cargo build --quiet -p text-rnn -p stock-lstm -p mnist-gru -p rnn-lm
        lessons=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug
    fi
    LECTURE_PAGE=$page LECTURE_MODELS=$models LESSONS=$lessons \
        node --test --test-reporter=spec crates/lecture-page/tests/page.js
}

main "$@"
