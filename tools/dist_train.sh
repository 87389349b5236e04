#!/usr/bin/env bash
# Trains in several processes: one per GPU, or on the CPU where there is no GPU.
#
#   bash tools/dist_train.sh CONFIG GPUS [DEVICES] [arguments of tools/train.py]
#
#   bash tools/dist_train.sh CONFIG 8 --seed 0
#   bash tools/dist_train.sh CONFIG 2 "0,1"                 these two GPUs
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=A PORT=P bash tools/dist_train.sh CONFIG 8     on each machine
#
#   MAX_RESTARTS=3 bash tools/dist_train.sh CONFIG 8        start again when a rank ends or stands still
#
# Environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1), PORT (a free one; 29500 with
# several machines), MAX_RESTARTS (0; each start goes on from the last checkpoint of this job),
# PYTHON (see tools/_env.sh).

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
source "$REPO/tools/_launch.sh"
answer_help "$@"
[[ $# -ge 2 ]] || usage_error "expected CONFIG and GPUS, got $# argument(s)"

launch_distributed "$2" "$REPO/tools/train.py" "$1" -- "${@:3}"
