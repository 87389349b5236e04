# Sourced by the scripts of this folder: finds or makes the Python environment they run in.
#
# PYTHON, when it is set, is used as it is. Otherwise the first of these that holds what is needed:
# the python and python3 on PATH (those of an active environment), then .venv in the checkout.

REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$REPO/.venv"

say() { printf '== %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Prints the comment that opens the running script, which is its manual.
print_usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

usage_error() {
    printf 'error: %s\n\n' "$*" >&2
    print_usage >&2
    exit 2
}

# Prints the manual and ends the script if one of the arguments asks for it.
answer_help() {
    case "${1:-}" in -h | --help) print_usage && exit 0 ;; esac
}

runs_python3() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' 2>/dev/null; }

# Prints what python $1 lacks of requirements/$2; fails if there is anything.
check() { "$1" "$REPO/tools/check_environment.py" --quick --requirements "$REPO/requirements/$2"; }

# Succeeds if the installation into .venv once came to its end, which is to install the checkout.
is_finished() {
    "$VENV/bin/python" -I -c 'import importlib.metadata as m; m.version("topdown-pose")' 2>/dev/null
}

# The checkout comes before any installed mmpose, so that the scripts run without an installation.
use_checkout() { export PYTHON PYTHONPATH="$REPO${PYTHONPATH:+:$PYTHONPATH}"; }

# Sets PYTHON to one that holds requirements/$1; fails if there is none.
find_python() {
    [[ -n "${PYTHON:-}" ]] && return 0
    local candidate problems
    for candidate in python python3 "$VENV/bin/python"; do
        runs_python3 "$candidate" || continue
        [[ "$candidate" != "$VENV/bin/python" ]] || is_finished || continue
        if problems="$(check "$candidate" "$1")"; then
            PYTHON="$(command -v "$candidate")"
            return 0
        fi
        local active="${VIRTUAL_ENV:-${CONDA_PREFIX:-$VENV}}"
        if [[ "$candidate" == python && "$active" != "$VENV" ]]; then
            say "not using the active environment $active, because:"
            printf '   %s\n' "${problems//$'\n'/$'\n'   }"
        fi
    done
    return 1
}

# Sets PYTHON for a script that trains or tests, which never installs anything.
require_environment() {
    find_python runtime.txt || fail "no Python with PyTorch and MMEngine: activate an environment" \
        "that holds requirements/runtime.txt, set PYTHON, or run tools/quickstart.sh, which makes .venv"
    use_checkout
}

# Sets PYTHON to an environment that holds requirements/$1, made in .venv if there is none.
make_environment() {
    if ! find_python "$1"; then
        local start=$SECONDS
        make_venv "$1"
        install_requirements "$1"
        PYTHON="$VENV/bin/python"
        say "the environment was ready after $((SECONDS - start)) s"
    fi
    use_checkout
    say "Python: $PYTHON"
}

make_venv() {
    runs_python3 "$VENV/bin/python" && return
    local candidate
    for candidate in python3 python python3.13 python3.12 python3.11 python3.10; do
        runs_python3 "$candidate" || continue
        say "making $VENV with $("$candidate" --version)"
        # Debian splits off the part of venv that brings pip; an existing pip can bring it too.
        "$candidate" -m venv --clear "$VENV" >/dev/null 2>&1 && return
        "$candidate" -m venv --clear --without-pip "$VENV" &&
            "$candidate" -m pip --python "$VENV/bin/python" install --quiet pip && return
        fail "could not make $VENV; on Debian and Ubuntu: apt-get install python3-venv"
    done
    fail "no Python 3.10 or newer on PATH; set PYTHON to one that holds requirements/$1"
}

install() {
    local verbosity=-qq # errors only, unless somebody watches
    [[ ! -t 1 ]] || verbosity=--progress-bar=on
    "$VENV/bin/python" -m pip install --no-input --disable-pip-version-check "$verbosity" "$@"
}

install_requirements() {
    say "installing into $VENV what is missing of requirements/$1:"
    check "$VENV/bin/python" "$1" | sed 's/^/   /' || true
    say "PyTorch for Linux comes with its GPU libraries: several GB and minutes the first time"
    install 'setuptools>=70.1' # which builds wheels by itself
    # a full mmcv in .venv stays: mmcv-lite has the same files, and would replace them
    "$VENV/bin/python" "$REPO/tools/check_environment.py" --installable \
        --requirements "$REPO/requirements/$1" >"$VENV/installable.txt"
    install -r "$VENV/installable.txt"
    "$VENV/bin/python" -c 'import cv2' 2>/dev/null || {
        say "OpenCV's desktop build needs system libraries that this machine lacks:"
        say "installing opencv-python-headless over it"
        install --force-reinstall --no-deps opencv-python-headless
    }
    [[ "$1" != tests.txt ]] || install_xtcocotools
    install --no-deps --no-build-isolation -e "$REPO"
}

install_xtcocotools() {
    install --no-build-isolation -r "$REPO/requirements/xtcocotools.txt" || {
        say "xtcocotools did not build; it takes a C compiler, the Python headers and Python < 3.13;"
        say "the tests that compare with it will be skipped"
    }
}
