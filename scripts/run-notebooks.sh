#!/usr/bin/env bash
# Executes the reference notebooks and records what they compute. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/run-notebooks.sh [LESSON ..]

Executes notebooks-ref/*.ipynb in Jupyter, in place, and rewrites notebooks-ref/expected/LESSON.json. LESSON is text-rnn,
stock-lstm, mnist-gru or rnn-lm. Without LESSON all notebooks run; this takes about six minutes.

Each notebook runs twice: as a program (notebooks-ref/run.py, which makes the JSON) and in Jupyter. Both must print the same text,
including a digest of every quantity. Otherwise neither file of that lesson is changed."

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    local notebooks=() notebook lesson
    for lesson in "$@"; do
        notebook=notebooks-ref/${lesson//-/_}.ipynb
        [ -f "$notebook" ] || { printf 'run-notebooks.sh: unknown lesson: %s\n\n%s\n' "$lesson" "$usage" >&2 && exit 2; }
        notebooks+=("$notebook")
    done
    [ $# -gt 0 ] || notebooks=(notebooks-ref/*.ipynb)

    check_python
    temporary=$(mktemp -d)
    trap 'rm -rf "$temporary"' EXIT
    # The user's settings of Jupyter, IPython and Matplotlib must not change the notebooks.
    export IPYTHONDIR=$temporary/ipython JUPYTER_CONFIG_DIR=$temporary/jupyter JUPYTER_DATA_DIR=$temporary/jupyter
    export JUPYTER_PREFER_ENV_PATH=1 MPLCONFIGDIR=$temporary/matplotlib
    unset MPLBACKEND PYTHONPATH
    python -c 'import matplotlib.font_manager' 2> /dev/null # makes Matplotlib's font cache, otherwise the first plot prints a message

    mkdir -p notebooks-ref/expected
    for notebook in "${notebooks[@]}"; do
        run_notebook "$notebook"
    done
}

python() { .venv/bin/python -I "$@"; }

check_python() {
    local problem
    if ! problem=$(python -c 'import torch, numpy, matplotlib, ipykernel, nbclient' 2>&1); then
        die "${problem##*$'\n'}: scripts/setup.sh --full installs what the notebooks need into .venv"
    fi
}

run_notebook() {
    local lesson folder
    lesson=$(basename "$1" .ipynb)
    lesson=${lesson//_/-}
    folder=$temporary/$lesson
    mkdir "$folder"
    printf '%s: run.py\n' "$lesson"
    python notebooks-ref/run.py "$1" --out "$folder" > "$folder/printed.txt"
    printf '%s: Jupyter\n' "$lesson"
    python notebooks-ref/execute.py "$1" "$folder"
    cp "$folder/reference.json" "notebooks-ref/expected/$lesson.json"
    printf '%s: both printed the same losses and digests; wrote %s and expected/%s.json\n' "$lesson" "$1" "$lesson"
}

die() {
    printf 'run-notebooks.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
