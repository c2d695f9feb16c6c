#!/usr/bin/env bash
# Compares the speed of this workspace with PyTorch's on this machine. `scripts/bench.sh --help` lists the options.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1 # files are written only into --out
exec "$python" scripts/bench/bench.py "$@"
