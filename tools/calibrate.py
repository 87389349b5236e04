"""Makes probabilities of a model's scores: python tools/calibrate.py CONFIG CHECKPOINT."""

import argparse
import warnings

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Fit the scores of a checkpoint to the validation set of a config.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument(
        '--out',
        help='.pth file to write, <checkpoint>_calibrated.pth by default; beside it go .json, .png',
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N (cpu)')
    parser.add_argument(
        '--data-root', help='folder that holds the datasets, instead of data/ (MMPOSE_DATA_ROOT)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='override anything, e.g. val_dataloader.batch_size=16',
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load a checkpoint that runs code when it is read; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.analysis.calibration import calibrate_checkpoint
    from mmpose.config.load import load_config

    cfg = load_config(args.config, args.cfg_options, args.data_root)
    trust = args.trust_checkpoint
    print(calibrate_checkpoint(cfg, args.checkpoint, args.out, args.device, trust))


if __name__ == '__main__':
    warnings.formatwarning = lambda message, *_: f'warning: {message}\n'
    run_tool(main)
