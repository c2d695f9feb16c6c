#!/usr/bin/env bash
# Compares the speed of this workspace with PyTorch's on this machine. `scripts/bench.sh --help` lists the options.
set -euo pipefail
cd -- "$(CDPATH='' dirname -- "${BASH_SOURCE[0]}")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1 # files are written only into --out
exec "$python" scripts/bench/bench.py "$@"
