#!/usr/bin/env bash
# Runs the linters, the type checker and the tests, in an environment made for them if need be.
#
#   bash tools/run_tests.sh                          everything
#   bash tools/run_tests.sh --quick                  linters, types, tests without networks: 3 minutes
#   bash tools/run_tests.sh tests/codecs -k udp      pytest alone, with these arguments
#
# All tests together run in a process per core; WORKERS=1 runs them one after another.
#
# The environment is the active one if it holds requirements/tests.txt; otherwise .venv in the
# checkout, which is made, or completed, and used again the next time. PYTHON=/path/to/python uses
# that one as it is. MMPOSE_TEST_DATA names a folder with real images for the tests that want some.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
answer_help "$@"

export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # the tensors are small and some tests run processes
make_environment tests.txt
cd "$REPO"

# Of the parts that most changes touch, without networks, processes and files of other programs.
QUICK=(tests/{codecs,coco,config,evaluation,metainfo,structures,tracking} tests/test_{architecture,scripts}.py)

failed=""
parallel=() chosen=()
if [[ "$*" == --quick ]]; then
    set --
    chosen=("${QUICK[@]}")
fi
if [[ $# -eq 0 ]]; then
    say "ruff"
    "$PYTHON" -m ruff check || failed+=" 'ruff check'"
    "$PYTHON" -m ruff format --check || failed+=" 'ruff format --check'"
    say "mypy, which runs beside the tests"
    types="$(mktemp)"
    "$PYTHON" -m mypy >"$types" 2>&1 &
    mypy=$!
    trap 'kill "$mypy" 2>/dev/null || true; rm -f "$types"' EXIT
    # a file stays in one process, which makes its fixtures once
    parallel=(-n "${WORKERS:-auto}" --maxprocesses 8 --dist loadfile)
fi
say "pytest"
status=0
"$PYTHON" -m pytest "${parallel[@]}" "${chosen[@]}" "$@" || status=$?
if [[ -n "${mypy:-}" ]]; then
    say "mypy"
    wait "$mypy" || failed+=" 'mypy'"
    cat "$types"
fi
[[ -z "$failed" ]] || fail "see above for what these found:$failed"
exit "$status"
