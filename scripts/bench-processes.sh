#!/usr/bin/env bash
# Times data-parallel training on this machine. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/bench-processes.sh [REPEATS [PROFILE]]

Trains mnist-gru and rnn-lm for a part of an epoch, with both backends: with one process of two threads, with two processes of
one thread, and with four; in turn, REPEATS times [3]. Prints the median time per step (train_seconds of summary.json), and at the
end the time of a single all_reduce. PROFILE is cargo's profile: release or dev [release]. The machine should be idle. Needs
scripts/setup.sh --full."

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    local repeats=${1-3} profile=${2-release} programs lesson steps backend processes repeat
    programs=target/${profile/#dev/debug}
    cargo build --quiet "--profile=$profile" -p mnist-gru -p rnn-lm -p torch-ext --bins --example all_reduce
    work=$(mktemp -d) # not local: the trap runs after main
    trap 'rm -rf "$work"' EXIT
    uptime
    for ((repeat = 0; repeat < repeats; repeat++)); do
        for lesson in mnist-gru rnn-lm; do
            for backend in exact fused; do
                for processes in 1 2 4; do time_one; done
            done
        done
    done
    printf '%-10s %-6s %-22s %s\n' lesson backend processes 'ms per step (median, lowest .. highest; rnn-lm with its validation)'
    for lesson in mnist-gru rnn-lm; do
        for backend in exact fused; do
            for processes in 1 2 4; do
                sort -g "$work/$lesson-$backend-$processes" | awk -v what="$lesson $backend $processes" \
                    '{ ms[NR] = $1 } END { split(what, w); threads = w[3] == 1 ? 2 : 1
                       printf "%-10s %-6s %d with %d thread(s)      %.2f (%.2f .. %.2f)\n", w[1], w[2], w[3], threads, ms[int((NR + 1) / 2)], ms[1], ms[NR] }'
            done
        done
    done
    for processes in 2 4; do
        torchrun "$processes" 1 "$programs/examples/all_reduce"
    done
    uptime
}

time_one() {
    local steps=150 threads=1
    [ "$lesson" = rnn-lm ] && steps=100
    [ "$processes" = 1 ] && threads=2
    torchrun "$processes" "$threads" "$programs/$lesson" --epochs 1 --limit "$steps" --backend "$backend" --device cpu \
        --threads "$threads" --no-plots --quiet --overwrite --out "$work/run" > /dev/null
    python3 -c "import json; print(1e3 * json.load(open('$work/run/summary.json'))['train_seconds'] / $steps)" \
        >> "$work/$lesson-$backend-$processes"
}

torchrun() {
    OMP_NUM_THREADS=$2 .venv/bin/torchrun --no-python --standalone "--nproc-per-node=$1" "${@:3}" 2> "$work/stderr" || {
        cat "$work/stderr" >&2
        exit 1
    }
}

main "$@"
