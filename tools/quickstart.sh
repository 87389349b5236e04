#!/usr/bin/env bash
# From nothing to a trained model: environment, generated dataset, training, evaluation, pictures.
#
#   bash tools/quickstart.sh            a few minutes on two CPU cores
#   bash tools/quickstart.sh --long     more data, epochs and layers, for a better model
#
# Run again, it uses what is there and goes on where it was interrupted; delete the work dir that it
# prints to train again. The environment is the active one if it holds requirements/runtime.txt;
# otherwise .venv in the checkout. PYTHON=/path/to/python uses that one as it is.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/_env.sh"
answer_help "$@"

for option in "$@"; do [[ "$option" == --long ]] || usage_error "unknown option '$option'"; done

make_environment runtime.txt
cd "$REPO"
exec "$PYTHON" tools/quickstart.py "$@"
