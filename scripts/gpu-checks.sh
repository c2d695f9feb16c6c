#!/usr/bin/env bash
# Runs all checks of a bundle on a GPU machine within a few minutes. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/gpu-checks.sh OUT [OPTIONS OF run-gpu-checks.sh]

Runs the bundle in target/bundle, which scripts/bundle.sh made and which was copied here with this folder. Writes the results to
the folder OUT: report.txt, which grows while the checks run, and logs.tar.gz. The checks are train, cuda, time, graph and
sanitize, each for at most 150 seconds, with 3 rounds of timing. Later options override these:

  scripts/gpu-checks.sh OUT --only cuda                   # repeat one part
  scripts/gpu-checks.sh OUT --device cpu --rounds 1       # a rehearsal without a GPU

If a check fails, use scripts/gpu-diagnose.sh."

main() {
    case ${1-} in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        '' | -*) printf '%s\n' "$usage" >&2 && exit 2 ;;
    esac
    mkdir -p "$1"
    local out status=0
    out=$(cd -- "$1" && pwd)
    shift
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    [ -x target/bundle/run-gpu-checks.sh ] || die 'target/bundle is missing: scripts/bundle.sh --torch 2.11.0'
    trap 'tar -C target/bundle -czf "$out/logs.tar.gz" logs' EXIT
    target/bundle/run-gpu-checks.sh --report "$out/report.txt" --rounds 3 --timeout 150 \
        --only train,cuda,time,graph,sanitize "$@" || status=$?
    exit "$status"
}

die() {
    printf 'gpu-checks.sh: %s\n' "$1" >&2
    exit 2
}

main "$@"
