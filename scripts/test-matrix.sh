#!/usr/bin/env bash
# Runs the test suite as other CPUs would run it. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-matrix.sh [SETTING ..] [-- ARGUMENTS OF cargo test]

Runs 'cargo test --workspace --tests' with each SETTING, or with all of them, and prints a table at the end:

  default    this CPU's own instruction set, all its cores
  avx2       libtorch, MKL, oneDNN and the kernels use AVX2 only
  portable   libtorch without vector instructions, the kernels in portable Rust
  one-core   on one core
  threads    OMP_NUM_THREADS=8 on two cores

Tests that compare with PyTorch run if .venv has Python's torch (scripts/setup.sh --full). One setting takes about 15
minutes on two cores. The tests are built only once.

  scripts/test-matrix.sh portable -- -p recurrent -p rnn-kernels"

settings=(default avx2 portable one-core threads)

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    local chosen=() packages=(--workspace) setting failed=false begun word rows=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case " ${settings[*]} " in
            *" $1 "*) chosen+=("$1") ;;
            *) printf '%s\n' "$usage" >&2 && exit 2 ;;
        esac
        shift
    done
    [ $# -eq 0 ] || shift
    [ $# -eq 0 ] || packages=("$@")
    [ ${#chosen[@]} -gt 0 ] || chosen=("${settings[@]}")
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    for setting in "${chosen[@]}"; do
        printf '\n== %s\n' "$setting"
        begun=$SECONDS
        word=passed
        run "$setting" cargo test --no-fail-fast --tests "${packages[@]}" || { word=FAILED && failed=true; }
        if .venv/bin/python -c 'import torch' 2> /dev/null; then
            run "$setting" cargo test --no-fail-fast --tests "${packages[@]}" python -- --ignored || { word=FAILED && failed=true; }
        fi
        rows+=("$(printf '%-9s %-6s %5d s' "$setting" "$word" $((SECONDS - begun)))")
    done
    printf '\n%s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2> /dev/null | sort | uniq -c)" "${rows[@]}"
    ! $failed
}

# run SETTING COMMAND
run() {
    local setting=$1
    shift
    case $setting in
        default) "$@" ;;
        avx2)
            ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 RNN_KERNELS=avx2 "$@"
            ;;
        portable) ATEN_CPU_CAPABILITY=default RNN_KERNELS=portable "$@" ;;
        one-core) taskset -c 0 "$@" ;;
        threads) OMP_NUM_THREADS=8 taskset -c 0,1 "$@" ;;
    esac
}

main "$@"
