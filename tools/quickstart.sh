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

has_bfloat16() { command -v nvidia-smi >/dev/null || grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo 2>/dev/null; }

CONFIG=configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py
case "${1:-}" in
    "") WORK_DIR=work_dirs/quickstart DATA_ROOT=data NUM_TRAIN=5600 EPOCHS=3 DEPTH=2 ;;
    --long) WORK_DIR=work_dirs/quickstart_long DATA_ROOT=data/long NUM_TRAIN=16000 EPOCHS=12 DEPTH=4 ;;
    *) usage_error "unknown option '$1'" ;;
esac
[[ $# -le 1 ]] || usage_error "expected at most one option, got $#"
NUM_VAL=400
# bfloat16 is faster where the processor or a GPU has it, and slower elsewhere
AMP=$(has_bfloat16 && echo --amp || true)
SEED=0
OPTIONS=("train_cfg.max_epochs=$EPOCHS" "model.backbone.depth=$DEPTH")

# Runs a step, unless the same command has succeeded before: run_once STAMP COMMAND...
run_once() {
    local stamp=$1
    shift
    if [[ "$(cat "$stamp" 2>/dev/null)" == "$*" ]]; then
        say "already done: $*"
        return
    fi
    say "$*"
    "$PYTHON" "$@"
    printf '%s\n' "$*" >"$stamp"
}

make_environment runtime.txt
cd "$REPO"
mkdir -p "$WORK_DIR"

say "generating people in $DATA_ROOT/toy"
"$PYTHON" tools/make_toy_dataset.py --out "$DATA_ROOT/toy" \
    --num-train "$NUM_TRAIN" --num-val "$NUM_VAL" --seed "$SEED"

run_once "$WORK_DIR/.trained" tools/train.py "$CONFIG" --work-dir "$WORK_DIR" --resume $AMP \
    --seed "$SEED" --data-root "$DATA_ROOT" --cfg-options "${OPTIONS[@]}"

CHECKPOINT="$WORK_DIR/$(cat "$WORK_DIR/last_checkpoint")"
run_once "$WORK_DIR/.tested" tools/test.py "$CONFIG" "$CHECKPOINT" --work-dir "$WORK_DIR" \
    --data-root "$DATA_ROOT" --cfg-options "${OPTIONS[@]}"

say "results of the generated dataset"
"$PYTHON" tools/summarize.py "$WORK_DIR"
printf 'checkpoint: %s\n' "$CHECKPOINT"
