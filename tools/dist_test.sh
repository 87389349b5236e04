#!/usr/bin/env bash
# Evaluates in several processes: one per GPU, or on the CPU where there is no GPU.
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [DEVICES] [arguments of tools/test.py]
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT 8 --work-dir work_dirs/b
#   bash tools/dist_test.sh CONFIG CHECKPOINT 2 "0,1"       these two GPUs
#
# Environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1), PORT (a free one; 29500 with
# several machines), PYTHON (see tools/_env.sh).

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
source "$REPO/tools/_launch.sh"
answer_help "$@"
[[ $# -ge 3 ]] || usage_error "expected CONFIG, CHECKPOINT and GPUS, got $# argument(s)"

launch_distributed "$3" "$REPO/tools/test.py" "$1" "$2" -- "${@:4}"
