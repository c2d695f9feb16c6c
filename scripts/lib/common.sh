# shellcheck shell=bash
# Functions of the scripts that install or download something: setup.sh, fetch-data.sh and bundle.sh. Each of them defines `die`.

child=''
temporary=''

# When this shell ends, also by a signal, ends the command that `run` has started, and removes `temporary`.
clean_up_on_exit() {
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

clean_up() {
    [ -z "$child" ] || { kill -- "-$child" && wait "$child"; } 2> /dev/null || true
    [ -z "$temporary" ] || rm -rf "$temporary"
}

# Runs a command. After clean_up_on_exit, a signal to this script ends the command at once, with all processes that it started.
run() {
    local status=0
    set -m # a process group of its own
    "$@" &
    child=$!
    set +m
    wait "$child" || status=$?
    child=''
    return "$status"
}

at_hand() { command -v "$1" > /dev/null 2>&1; }

# Whether NAME is a file that can be executed. Bash would wait for ever if it executed a FIFO.
is_program() {
    local file
    file=$(command -v "$1") && [ -f "$file" ]
}

# Whether there is anything at this path, also a link to nothing.
exists() { [ -e "$1" ] || [ -L "$1" ]; }

# lock FILE: locks FILE for this process and those that it starts, until all of them have ended, or until `unlock`. If another
# process has the lock, prints a line and waits. The kernel releases the lock, so it never remains after a killed process.
lock() {
    ! exists "$1" || [ -f "$1" ] || die "$1 is not a regular file, and this script needs it as its lock file: rm -r $1"
    { true >> "$1"; } 2> /dev/null || die "cannot write $1: check the permissions of its folder"
    exec 9>> "$1"
    run "${python:-python3}" -I -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print(sys.argv[1], flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
' "$1: waiting for another run of this script, or for a process that it started" \
        || printf 'note: without python3 this script cannot wait for another run of it; do not start two at once\n' >&2
}

unlock() { exec 9>&-; }

# set_aside PATH REASON: renames PATH to the first free name of PATH.old-1, PATH.old-2, .., and prints a line.
set_aside() {
    local n=1
    while exists "$1.old-$n"; do n=$((n + 1)); done
    mv -- "$1" "$1.old-$n" || die "cannot rename $1 (see above), which $2: move it away"
    printf '%s: %s; it is now %s\n' "$1" "$2" "$1.old-$n"
}
