#!/usr/bin/env bash
# Trains on two machines that this one plays, and cuts the cable between them. See --help.
set -euo pipefail

usage="Usage: sudo scripts/test-two-machines.sh [PROGRAM]

Makes two network namespaces joined by a cable (a veth pair), has torchrun --nnodes=2 train mnist-gru in both, and checks that

  1. they train together, and only rank 0's machine has files of the run;
  2. when the cable is cut within an epoch, both end with an error within the timeout and 5 seconds;
  3. with the cable back, --resume ends with the bits of the run that nothing disturbed.

Everything that it makes is removed at the end, also after Ctrl-C. Needs root, for the namespaces (iproute2), and what
scripts/setup.sh --full installs. PROGRAM is the mnist-gru to run [default: target/release/mnist-gru, else target/debug's]."

timeout=5 # of a collective, in seconds
port=29517
addresses=(10.213.77.1 10.213.77.2)
namespaces=("rnn-a-$$" "rnn-b-$$")
cables=("rnna$$" "rnnb$$") # at most 15 letters

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(CDPATH='' dirname -- "${BASH_SOURCE[0]}")/.."
    [ "$(id -u)" = 0 ] || fail "needs root, to make network namespaces: sudo scripts/test-two-machines.sh"
    command -v ip > /dev/null || fail "needs the program ip (package iproute2)"
    [ -x .venv/bin/torchrun ] || fail "needs torchrun: scripts/setup.sh --full installs it"
    program=${1-target/release/mnist-gru}
    [ -x "$program" ] || program=target/debug/mnist-gru
    [ -x "$program" ] || fail "needs the program: cargo build --release -p mnist-gru"

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
    if wait_for_both; then fail "the run ended well without a cable"; fi
    local took=$((SECONDS - cut))
    for rank in 0 1; do
        grep -h "^error: rank $rank of 2: " "$work/part-$rank.log" || fail "no error of rank $rank: $work/part-$rank.log"
    done
    say "both torchruns had ended after $took s (timeout $timeout s)"
    [ "$took" -le $((timeout + 5)) ] || fail "that is too long"
    [ ! -e "$work/part-0/summary.json" ] || fail "the run was over before the cable was cut"

    say "3. the cable is back"
    ip -n "${namespaces[1]}" link set "${cables[1]}" up
    start part --resume
    wait_for_both || fail "--resume failed: $(tail -n 3 "$work"/part-*.log)"
    for file in metrics.jsonl model.pt best.pt; do
        cmp "$work/whole-0/$file" "$work/part-0/$file" || fail "$file is another one than that of the undisturbed run"
    done
    say "metrics.jsonl, model.pt and best.pt are those of the undisturbed run"
}

# Starts torchrun on both machines: the run folder's name, more options.
start() {
    local run=$1 node
    shift
    torchruns=()
    for node in 0 1; do
        ip netns exec "${namespaces[node]}" env OMP_NUM_THREADS=1 .venv/bin/torchrun \
            --no-python --nnodes=2 --nproc-per-node=1 "--node-rank=$node" "--master-addr=${addresses[0]}" "--master-port=$port" \
            "$program" --limit 60 --epochs 4 --checkpoint-every 1 --device cpu --no-plots --no-progress \
            --dist-timeout "$timeout" --out "$work/$run-$node" "$@" > "$work/$run-$node.log" 2>&1 &
        torchruns+=($!)
    done
}

# Whether both ended well.
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
        ip netns delete "$namespace" 2> /dev/null || true # its cable goes with it
    done
    rm -rf "$work"
}

say() { printf 'test-two-machines.sh: %s\n' "$*"; }
fail() { printf 'test-two-machines.sh: %s\n' "$*" >&2 && exit 1; }

main "$@"
