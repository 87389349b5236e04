"""Draws samples as training sees them: python tools/browse_dataset.py CONFIG [--out DIR]."""

import argparse
from pathlib import Path

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Draw annotations, crops and target heatmaps.')
    parser.add_argument('config', help='config file')
    parser.add_argument('--split', default='train', choices=['train', 'val', 'test'])
    parser.add_argument('--num', type=int, default=16, help='samples, one picture each')
    parser.add_argument('--views', type=int, default=4, help='visits to each sample')
    parser.add_argument('--seed', type=int, default=0, help='of the choice and the augmentation')
    parser.add_argument('--out', help='folder of the pictures; work_dirs/<config>/browse')
    parser.add_argument(
        '--data-root', help='folder that holds the datasets, instead of data/ (MMPOSE_DATA_ROOT)'
    )
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.config.load import load_config  # torch is loaded after the flags are read
    from mmpose.dataset_tools.browse import browse_dataset

    cfg = load_config(args.config, args.cfg_options, args.data_root)
    out = args.out or Path('work_dirs', Path(args.config).stem, 'browse')
    for path in browse_dataset(cfg, out, args.split, args.num, args.views, args.seed):
        print(path)


if __name__ == '__main__':
    run_tool(main)
