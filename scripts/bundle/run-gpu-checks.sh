#!/usr/bin/env bash
# Checks and times the lessons of this bundle on this machine. See --help.
set -euo pipefail

usage="Usage: run-gpu-checks.sh [OPTIONS]

Runs what scripts/bundle.sh has put into this folder, on a machine that has a Python with the torch that it was built for. Neither
Rust nor a network is needed. It writes report.txt and logs/ into this folder. The exit code is 0 if every check passed, 1 if one
failed (on a GPU also if a lesson's loop is slower than PyTorch's), and 2 if nothing could be run, or nothing but doctor for want
of a GPU.

  --python PATH    the Python that has torch, instead of \$PYTHON or the first python3
  --device DEVICE  cuda, the default, cuda:N, or cpu for a machine without a GPU: then the CPU takes its place
  --only PARTS     some of these, separated by commas; doctor always runs
                   train     text-rnn, stock-lstm and mnist-gru with their defaults: the loss has to fall
                   cuda      the tests that need a GPU
                   time      the lessons' loops beside PyTorch eager on the same device
                   graph     what CUDA graphs would give: PyTorch's own, for the three networks
                   sanitize  two epochs under NVIDIA's compute-sanitizer
                   tests     all other tests, which need no GPU
  --rounds N       how often each lesson is timed, in turns with PyTorch; 5 if not given
  --timeout N      seconds after which a check that has not ended is ended, and has failed; 900 if not given
  --report FILE    instead of report.txt in this folder
  --help           this text"

main() {
    local python=${PYTHON-} arguments=() here
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) printf '%s\n' "$usage" && exit ;;
            --python) [ $# -gt 1 ] || die '--python wants a path' && python=$2 && shift ;;
            *) arguments+=("$1") ;;
        esac
        shift
    done
    here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
    if [ -z "$python" ]; then
        python=$(command -v python3) || die 'no python3 on PATH: name the Python that has torch by --python PATH'
    fi
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null \
        || die "$python is no Python 3.10 or newer: name the Python that has torch by --python PATH"
    exec "$python" -B "$here/checks/main.py" ${arguments[@]+"${arguments[@]}"}
}

die() {
    printf 'run-gpu-checks.sh: %s\n' "$1" >&2
    exit 2
}

main "$@"
