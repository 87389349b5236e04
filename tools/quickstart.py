"""From nothing to a trained model: generated dataset, training, evaluation, pictures.

Run again, it uses what is there and goes on where it was interrupted; delete the work dir that it
prints to train again.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

CONFIG = 'configs/body/2d_kpt_sview_rgb_img/topdown_heatmap/toy/ViTPose_tiny_toy_128x96.py'
NUM_VAL, SEED = '400', '0'


class Plan(NamedTuple):
    """Size of a run, and where it is."""

    work_dir: str
    data_root: str
    num_train: int
    epochs: int
    depth: int


SHORT = Plan('work_dirs/quickstart', 'data', 5600, 3, 2)
LONG = Plan('work_dirs/quickstart_long', 'data/long', 16000, 12, 4)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Generate data, train, test and draw a model.')
    parser.add_argument('--long', action='store_true', help='more data, epochs and layers')
    return parser.parse_args()


def main() -> None:
    plan = LONG if parse_args().long else SHORT
    work_dir = Path(plan.work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)
    data = f'{plan.data_root}/toy'
    say(f'generating people in {data}')
    sizes = ['--num-train', str(plan.num_train), '--num-val', NUM_VAL, '--seed', SEED]
    run('make_toy_dataset.py', '--out', data, *sizes)
    common = ['--work-dir', plan.work_dir, '--data-root', plan.data_root]
    options = [f'train_cfg.max_epochs={plan.epochs}', f'model.backbone.depth={plan.depth}']
    common += ['--cfg-options', *options]
    # bfloat16 is faster where the processor or a GPU has it, and slower elsewhere
    amp = ['--amp'] if has_bfloat16() else []
    training = ['train.py', CONFIG, '--resume', 'auto', *amp, '--seed', SEED, *common]
    run_once(work_dir / '.trained', *training)
    checkpoint = work_dir / (work_dir / 'last_checkpoint').read_text().strip()
    run_once(work_dir / '.tested', 'test.py', CONFIG, str(checkpoint), *common)
    say('results of the generated dataset')
    run('summarize.py', plan.work_dir)
    print(f'checkpoint: {checkpoint}')


def has_bfloat16() -> bool:
    """Whether the machine computes in bfloat16."""
    import torch

    processor = Path('/proc/cpuinfo')
    flags = processor.read_text() if processor.is_file() else ''
    return torch.cuda.is_available() or 'avx512_bf16' in flags or 'amx_bf16' in flags


def say(text: str) -> None:
    print(f'== {text}', flush=True)


def run(tool: str, *arguments: str) -> None:
    """Runs a tool of this folder; ends with its exit status if it fails."""
    status = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(tool)), *arguments], check=False
    ).returncode
    if status:
        sys.exit(status)


def run_once(stamp: Path, tool: str, *arguments: str) -> None:
    """Runs a tool, unless the same command has succeeded before."""
    command = ' '.join(['tools/' + tool, *arguments])
    if stamp.is_file() and stamp.read_text().strip() == command:
        say(f'already done: {command}')
        return
    say(command)
    run(tool, *arguments)
    stamp.write_text(f'{command}\n')


if __name__ == '__main__':
    main()
