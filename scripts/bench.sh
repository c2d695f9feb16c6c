#!/usr/bin/env bash
# Times this workspace beside PyTorch, turn by turn, on this machine. `scripts/bench.sh --help` has the options.
set -euo pipefail
cd -- "$(CDPATH='' dirname -- "${BASH_SOURCE[0]}")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1 # nothing is written but into --out
exec "$python" scripts/bench/bench.py "$@"
