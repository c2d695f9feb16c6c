#!/usr/bin/env bash
# Shows details when scripts/gpu-checks.sh fails on a GPU machine. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/gpu-diagnose.sh loader
       scripts/gpu-diagnose.sh test BINARY TEST
       scripts/gpu-diagnose.sh tf32

Works in target/bundle, after scripts/gpu-checks.sh has run there.

  loader            shows which libraries a lesson finds and which are missing: ldd, and LD_DEBUG=libs of the dynamic linker
  test BINARY TEST  runs one test with CUDA_LAUNCH_BLOCKING=1: test recurrent-it cuda::a_layer_moves_between_the_devices
  tf32              trains stock-lstm for three epochs on the CPU, and on the GPU with and without TF32; prints the losses"

main() {
    case ${1-} in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        loader | tf32) [ $# -eq 1 ] || refuse ;;
        test) [ $# -eq 3 ] || refuse ;;
        *) refuse ;;
    esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../target/bundle"
    "$@"
}

loader() {
    ldd bin/stock-lstm | grep -v linux-vdso
    LD_DEBUG=libs bin/stock-lstm doctor --device cuda 2> logs/loader.txt || true
    grep -E 'error|cannot|calling init.*(torch_cuda|cuda\.so|cudnn)' logs/loader.txt | tail -40 || true
    printf 'the complete output is in %s/logs/loader.txt\n' "$PWD"
}

test() {
    CUDA_LAUNCH_BLOCKING=1 RUST_BACKTRACE=1 WORKSPACE_ROOT=$PWD "tests/$1" --exact "$2" --include-ignored --nocapture
}

tf32() {
    local name
    lesson cpu --device cpu
    lesson gpu-tf32 --device cuda
    NVIDIA_TF32_OVERRIDE=0 lesson gpu-f32 --device cuda
    for name in cpu gpu-tf32 gpu-f32; do
        printf '%-9s' "$name"
        sed -n 's/.*"loss":\([0-9.e-]*\).*/ \1/p' "runs/$name/metrics.jsonl" | tr -d '\n'
        printf '\n'
    done
}

# lesson NAME OPTIONS: trains three epochs into runs/NAME.
lesson() {
    local name=$1
    shift
    bin/stock-lstm --epochs 3 --quiet --no-plots --overwrite --out "runs/$name" "$@"
}

refuse() {
    printf '%s\n' "$usage" >&2
    exit 2
}

main "$@"
