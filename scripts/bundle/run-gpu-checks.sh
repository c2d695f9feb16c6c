#!/usr/bin/env bash
# Checks and times the lessons of this bundle on this machine. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: run-gpu-checks.sh [OPTIONS]

Runs the checks of this bundle, which scripts/bundle.sh made. The machine needs a Python with the version of torch that the bundle
was built for. It needs neither Rust nor a network. The script writes report.txt and logs/ into this folder. The exit code is 0 if
every check passed; 1 if one failed (on a GPU also if a lesson's loop is slower than PyTorch's); and 2 if nothing could run, or
only doctor because there is no GPU.

  --python PATH    the Python that has torch [default: \$PYTHON, or the first python3]
  --device DEVICE  cuda, cuda:N, or cpu for a rehearsal without a GPU [default: cuda]
  --only PARTS     some of these parts, separated by commas; doctor always runs
                   train     text-rnn, stock-lstm and mnist-gru with their defaults: the loss must fall
                   cuda      the tests that need a GPU
                   time      the speed of the lessons' loops, compared with PyTorch eager on the same device
                   graph     the speed of CUDA graphs in PyTorch, for the networks of the three lessons
                   sanitize  two epochs under NVIDIA's compute-sanitizer
                   tests     all other tests, which need no GPU
  --rounds N       how often each lesson is timed, in turns with PyTorch [default: 5]
  --timeout N      a check that runs longer than N seconds is ended and has failed [default: 900]
  --report FILE    the report [default: report.txt in this folder]
  --help           print this text"

main() {
    local python=${PYTHON-} arguments=() here
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) printf '%s\n' "$usage" && exit ;;
            --python) [ $# -gt 1 ] || die '--python needs a path' && python=$2 && shift ;;
            *) arguments+=("$1") ;;
        esac
        shift
    done
    here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
    if [ -z "$python" ]; then
        python=$(command -v python3) || die 'no python3 on PATH: name the Python that has torch with --python PATH'
    fi
    # Bash would wait for ever if it executed a FIFO.
    { [ ! -p "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; } \
        || die "$python is not a Python 3.10 or newer: name the Python that has torch with --python PATH"
    exec "$python" -B "$here/checks/main.py" ${arguments[@]+"${arguments[@]}"}
}

die() {
    printf 'run-gpu-checks.sh: %s\n' "$1" >&2
    exit 2
}

main "$@"
