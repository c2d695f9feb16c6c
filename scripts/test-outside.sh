#!/usr/bin/env bash
# Builds and runs examples/outside as a package outside of this workspace. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-outside.sh

Copies examples/outside to a temporary folder, builds and runs it there with path dependencies, then with git dependencies (file://,
so it tests what is committed). Then it checks the message about a wrong libtorch. libtorch is LIBTORCH, or the .libtorch of
scripts/setup.sh. target/outside keeps what was built."

main() {
    case ${1-} in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        ?*) printf '%s\n' "$usage" >&2 && exit 2 ;;
    esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    workspace=$PWD
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    export LIBTORCH=${LIBTORCH:-$workspace/.libtorch} CARGO_TARGET_DIR=$workspace/target/outside
    unset CXX LD_LIBRARY_PATH LIBTORCH_RPATH LIBTORCH_USE_PYTORCH LIBTORCH_LIB LIBTORCH_BYPASS_VERSION_CHECK

    run_with path 'path = "../../\(crates/[a-z-]*\)"' "path = \"$workspace/\\1\""
    make_repository
    run_with git 'path = "../../crates/[a-z-]*"' "git = \"file://$folder/repository\""
    check_message
    printf 'test-outside.sh: all checks passed\n'
}

# A repository with what is committed. It has no history, because Cargo cannot fetch from a shallow clone.
make_repository() {
    mkdir "$folder/repository"
    git archive HEAD | tar -x -C "$folder/repository"
    git init --quiet "$folder/repository"
    git -C "$folder/repository" add --all
    git -C "$folder/repository" -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false commit --quiet --message=test
}

# run_with NAME PATTERN REPLACEMENT: copies the package, with other dependencies, and runs it.
run_with() {
    printf '\n== %s dependencies\n' "$1"
    mkdir "$folder/$1"
    cp -R examples/outside/src examples/outside/build.rs rust-toolchain.toml "$folder/$1"
    sed "s|$2|$3|" examples/outside/Cargo.toml > "$folder/$1/Cargo.toml"
    cp Cargo.lock "$folder/$1" # the versions that were tested; Cargo removes what is not used
    (cd "$folder/$1" && cargo run --quiet)
}

# The C++ of torch-sys must not be compiled with a wrong libtorch: that prints pages of errors.
check_message() {
    printf '\n== a wrong libtorch\n'
    mkdir "$folder/wrong"
    printf "__version__ = '2.12.1'\n" > "$folder/wrong/version.py"
    local output
    if output=$(cd "$folder/path" && LIBTORCH=$folder/wrong CARGO_TARGET_DIR=$folder/target cargo build --quiet 2>&1); then
        die 'the build passed with a wrong libtorch'
    fi
    printf '%s\n' "$output"
    case $output in
        *torch/torch.h*) die 'the message about a wrong libtorch is not alone' ;;
        *"Wrong libtorch: $folder/wrong is version 2.12.1"*) ;;
        *) die 'the message about a wrong libtorch is missing' ;;
    esac
}

die() {
    printf 'test-outside.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
