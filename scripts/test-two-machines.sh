#!/usr/bin/env bash
# Trains on two simulated machines, and cuts the cable between them. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: sudo scripts/test-two-machines.sh [PROGRAM]

Makes two network namespaces, which act as machines, and connects them by a cable (a veth pair). Trains mnist-gru in both with
torchrun --nnodes=2, and checks that

  1. they train together, and only the machine of rank 0 has files of the run;
  2. if the cable is cut within an epoch, both end with an error within the timeout plus 5 seconds;
  3. after the cable is connected again, --resume ends with the bits of the undisturbed run;
  4. with --rdzv-backend=c10d, if a process of one machine is killed, torchrun --max-restarts restarts the processes of both, and
     they end with the same bits.

Everything is removed at the end, also after Ctrl-C. Needs root, for the namespaces (iproute2), and scripts/setup.sh --full.
PROGRAM is the mnist-gru to run [default: target/release/mnist-gru, otherwise target/debug/mnist-gru]."

timeout=5 # seconds, of a collective operation
port=29517
addresses=(10.213.77.1 10.213.77.2)
namespaces=("rnn-a-$$" "rnn-b-$$")
cables=("rnna$$" "rnnb$$") # at most 15 characters

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    [ "$(id -u)" = 0 ] || fail "needs root, to make network namespaces: sudo scripts/test-two-machines.sh"
    command -v ip > /dev/null || fail "needs the program ip (package iproute2)"
    [ -x .venv/bin/torchrun ] || fail "needs torchrun: scripts/setup.sh --full installs it"
    program=${1-target/release/mnist-gru}
    is_program "$program" || [ $# -gt 0 ] || program=target/debug/mnist-gru
    is_program "$program" || fail "$program is not a program: cargo build --release -p mnist-gru"

    work=$(mktemp -d)
    torchruns=()
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    connect

    say "1. an undisturbed run"
    start whole
    wait_for_both || fail "the run failed: $(tail -n 3 "$work"/whole-*.log)"
    [ ! -e "$work/whole-1" ] || fail "rank 1 has written files"

    say "2. the cable is cut"
    start part
    until [ -s "$work/part-0/metrics.jsonl" ]; do
        kill -0 "${torchruns[0]}" 2> /dev/null || fail "ended early: $(tail -n 3 "$work"/part-*.log)"
        sleep 0.05
    done
    sleep 0.4
    ip -n "${namespaces[1]}" link set "${cables[1]}" down
    local cut=$SECONDS
    if wait_for_both; then fail "the run succeeded without a cable"; fi
    local took=$((SECONDS - cut))
    for rank in 0 1; do
        grep -h "^error: rank $rank of 2: " "$work/part-$rank.log" || fail "no error of rank $rank: $work/part-$rank.log"
    done
    say "both torchruns ended after $took s (timeout $timeout s)"
    [ "$took" -le $((timeout + 5)) ] || fail "that is too long"
    [ ! -e "$work/part-0/summary.json" ] || fail "the run had finished before the cable was cut"

    say "3. the cable is connected again"
    ip -n "${namespaces[1]}" link set "${cables[1]}" up
    start part --resume
    wait_for_both || fail "--resume failed: $(tail -n 3 "$work"/part-*.log)"
    same_bits part-0

    local victim
    for victim in 0 1; do
        say "4. a process of machine $victim is killed, and torchrun restarts both"
        start_elastic "killed-$victim"
        until [ -s "$work/killed-$victim/checkpoint.pt" ]; do
            kill -0 "${torchruns[0]}" 2> /dev/null || fail "ended early: $(tail -n 3 "$work/killed-$victim"-*.log)"
            sleep 0.05
        done
        kill -KILL "$(lesson_on "$victim")" || fail "found no process to kill"
        wait_for_both || fail "the restart failed: $(tail -n 5 "$work/killed-$victim"-*.log)"
        grep -qh 'torchrun has restarted the processes' "$work/killed-$victim"-*.log || fail "nothing was restarted"
        same_bits "killed-$victim"
    done
}

# start RUN OPTIONS: starts torchrun on both machines, with run folders named after RUN.
start() {
    local run=$1 node
    shift
    torchruns=()
    for node in 0 1; do
        torchrun_on "$node" "$run" --node-rank="$node" --master-addr="${addresses[0]}" --master-port="$port" \
            "$program" --out "$work/$run-$node" "$@"
    done
}

# The same with the rendezvous that can restart both. It chooses the machine of rank 0, so both use the same folder.
start_elastic() {
    local run=$1 node
    torchruns=()
    for node in 0 1; do
        torchrun_on "$node" "$run" --max-restarts=3 --rdzv-backend=c10d --rdzv-id="$run" \
            --rdzv-endpoint="${addresses[0]}:$port" --rdzv-conf="is_host=$((1 - node))" --local-addr="${addresses[node]}" \
            "$program" --out "$work/$run"
    done
}

# torchrun_on MACHINE RUN ..: starts torchrun in the background. The rest: torchrun's options, the program and its first options.
torchrun_on() {
    local node=$1 run=$2
    shift 2
    ip netns exec "${namespaces[node]}" env OMP_NUM_THREADS=1 .venv/bin/torchrun --no-python --nnodes=2 --nproc-per-node=1 "$@" \
        --limit 60 --epochs 4 --checkpoint-every 1 --device cpu --no-plots --no-progress --dist-timeout "$timeout" \
        > "$work/$run-$node.log" 2>&1 &
    torchruns+=($!)
}

# The id of the lesson's process on a machine.
lesson_on() {
    local process
    for process in $(ip netns pids "${namespaces[$1]}"); do
        [ "$(cat "/proc/$process/comm" 2> /dev/null)" != "$(basename "$program")" ] || printf '%s\n' "$process"
    done | tail -n 1
}

same_bits() {
    local file
    for file in metrics.jsonl model.pt best.pt; do
        cmp "$work/whole-0/$file" "$work/$1/$file" || fail "$file differs from that of the undisturbed run"
    done
    say "metrics.jsonl, model.pt and best.pt equal those of the undisturbed run"
}

# Whether both succeeded.
wait_for_both() {
    local status=0 process
    for process in "${torchruns[@]}"; do wait "$process" || status=1; done
    torchruns=()
    return "$status"
}

connect() {
    local node
    for node in 0 1; do ip netns add "${namespaces[node]}"; done
    ip link add "${cables[0]}" netns "${namespaces[0]}" type veth peer name "${cables[1]}" netns "${namespaces[1]}"
    for node in 0 1; do
        ip -n "${namespaces[node]}" address add "${addresses[node]}/30" dev "${cables[node]}"
        ip -n "${namespaces[node]}" link set lo up
        ip -n "${namespaces[node]}" link set "${cables[node]}" up
    done
}

clean_up() {
    local process namespace
    for process in "${torchruns[@]}"; do
        kill "$process" 2> /dev/null && wait "$process" || true # torchrun ends its processes
    done
    for namespace in "${namespaces[@]}"; do
        ip netns delete "$namespace" 2> /dev/null || true # this also removes its cable
    done
    rm -rf "$work"
}

is_program() { [ -f "$1" ] && [ -x "$1" ]; }
say() { printf 'test-two-machines.sh: %s\n' "$*"; }
fail() { printf 'test-two-machines.sh: %s\n' "$*" >&2 && exit 1; }

main "$@"
