#!/usr/bin/env bash
# Trains as a Slurm job.
#
#   bash tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [arguments of tools/train.py]
#
# Environment: GPUS (8), GPUS_PER_NODE (8, or GPUS if that is less), CPUS_PER_TASK (5), SRUN_ARGS
# (more options of srun, split at blanks), PYTHON (see tools/_env.sh).

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
source "$REPO/tools/_launch.sh"
answer_help "$@"
[[ $# -ge 4 ]] || usage_error "expected PARTITION, JOB, CONFIG and WORK_DIR, got $# argument(s)"

launch_slurm "$1" "$2" "$REPO/tools/train.py" "$3" --work-dir "$4" "${@:5}"
