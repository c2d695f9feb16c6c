#!/usr/bin/env bash
# Builds this workspace against another libtorch than that of Cargo.lock. See --help.
set -euo pipefail

usage="Usage: scripts/build-with.sh TORCH_FOLDER [CARGO ARGUMENTS]

Builds against the libtorch in TORCH_FOLDER, the folder 'torch' of a Python that has torch 2.13.0 or 2.11.0, with the tch that
binds it. CARGO ARGUMENTS are 'build --release --workspace' if none are given. The sources are copied to target/with/VERSION
first: neither Cargo.lock nor target/debug and target/release of this folder change. Of an earlier copy only target stays, and
models and data, where programs write. The programs end up in target/with/VERSION/target/release, unless CARGO_TARGET_DIR says
otherwise."

main() {
    case ${1-} in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        '') printf '%s\n' "$usage" >&2 && exit 2 ;;
    esac
    local torch version tch copy
    [ -f "$1/version.py" ] || die "$1 has no version.py: it is no torch folder of a Python"
    torch=$(cd -- "$1" && pwd)
    shift
    [ $# -gt 0 ] || set -- build --release --workspace
    cd -- "$(CDPATH='' dirname -- "${BASH_SOURCE[0]}")/.."
    version=$(sed -n "s/^__version__[^0-9]*\([0-9][0-9.]*\).*/\1/p" "$torch/version.py")
    # The pairs stand in crates/libtorch-version/src/check.rs.
    tch=$(sed -n "s/^pub const PAIRS.*(\"\([0-9.]*\)\", \"$version\").*/\1/p" crates/libtorch-version/src/check.rs)
    [ -n "$tch" ] || die "$torch is version $version, for which there is no tch here"

    copy=target/with/$version
    mkdir -p "$copy"
    [ ! -f "$copy/Cargo.lock" ] || mv "$copy/Cargo.lock" "$copy.lock"
    find "$copy" -mindepth 1 -maxdepth 1 ! -name target ! -name models ! -name data -exec rm -rf {} +
    sources | tar -cf - --null -T - | tar -xf - -C "$copy"
    # Cargo looks at the times of files and of folders: what has not changed keeps them, and is not built again.
    find crates -type d -exec touch -c -r {} "$copy/{}" \;
    cd -- "$copy"
    cargo update --quiet --precise "$tch.0" tch
    cargo update --quiet --precise "$tch.0" torch-sys
    ! cmp -s "../$version.lock" Cargo.lock || mv "../$version.lock" Cargo.lock
    LIBTORCH=$torch exec cargo "$@"
}

# What git tracks or would, each name ended by a NUL; not what was deleted and is still in git's index.
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
