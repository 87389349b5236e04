#!/usr/bin/env bash
# Checks and measures the GPUs of a new machine; the first command to run there.
#
#   bash tools/check_gpus.sh [--out DIR]
#
# Environment: PYTHON (see tools/_env.sh), CUDA_VISIBLE_DEVICES.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
answer_help "$@"
require_environment
exec "$PYTHON" "$REPO/tools/check_gpus.py" "$@"
