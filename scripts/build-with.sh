#!/usr/bin/env bash
# Builds this workspace for another libtorch than that of Cargo.lock. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/build-with.sh TORCH_FOLDER [CARGO ARGUMENTS]

Builds for the libtorch in TORCH_FOLDER, the folder 'torch' of a Python that has torch 2.13.0 or 2.11.0, with the version of tch
that needs it. The default of CARGO ARGUMENTS is 'build --release --workspace'. The script first copies the sources to
target/with/VERSION. So Cargo.lock, target/debug and target/release of this folder do not change. An earlier copy is replaced,
except its target, models and data. The programs are in target/with/VERSION/target/release, unless CARGO_TARGET_DIR names another
folder."

main() {
    case ${1-} in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        '') printf '%s\n' "$usage" >&2 && exit 2 ;;
    esac
    local torch version tch copy
    [ -f "$1/version.py" ] || die "$1 has no version.py: it is not the folder 'torch' of a Python"
    torch=$(cd -- "$1" && pwd)
    shift
    [ $# -gt 0 ] || set -- build --release --workspace
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    version=$(sed -n "s/^__version__[^0-9]*\([0-9][0-9.]*\).*/\1/p" "$torch/version.py")
    # The versions that belong together are in crates/libtorch-build/versions.txt.
    tch=$(sed -n "s/^\([0-9.]*\) $version\$/\1/p" crates/libtorch-build/versions.txt)
    [ -n "$tch" ] || die "$torch is version $version, which no version of tch here needs"

    copy=target/with/$version
    mkdir -p "$copy"
    [ ! -f "$copy/Cargo.lock" ] || mv "$copy/Cargo.lock" "$copy.lock"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name target ! -name models ! -name data -exec rm -rf {} +
    sources | tar -cf - --null -T - | tar -xf - -C "$copy"
    # Cargo compares the modification times of files and folders. Unchanged ones keep theirs, and are not built again.
    find crates -type d -exec touch -c -r {} "$copy/{}" \;
    cd -- "$copy"
    cargo update --quiet --precise "$tch.0" tch
    cargo update --quiet --precise "$tch.0" torch-sys
    ! cmp -s "../$version.lock" Cargo.lock || mv "../$version.lock" Cargo.lock
    LIBTORCH=$torch exec cargo "$@"
}

# The files that git tracks or would track, each name followed by a NUL. Without files that were deleted but are still in
# git's index.
sources() {
    local file
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done
}

die() {
    printf 'build-with.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
