"""Finds the faults of a dataset before training: python tools/check_dataset.py CONFIG [--out DIR].

Exit status 0: OK or warnings; 1: do not train.
"""

import argparse
import sys
from pathlib import Path

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Read whole datasets and report what is wrong.')
    parser.add_argument('config', help='config file')
    parser.add_argument('--out', help='folder of the report; work_dirs/<config>/dataset_check')
    parser.add_argument(
        '--data-root', help='folder that holds the datasets, instead of data/ (MMPOSE_DATA_ROOT)'
    )
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE')
    parser.add_argument('--no-images', action='store_true', help='check the annotations only')
    parser.add_argument('--workers', type=int, help='threads that decode; default: one per core')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.config.load import load_config  # torch is loaded after the flags are read
    from mmpose.dataset_tools.check import check_dataset

    cfg = load_config(args.config, args.cfg_options, args.data_root)
    report = check_dataset(cfg, not args.no_images, args.workers)
    name = Path(args.config).stem
    page = report.write(
        args.out or Path('work_dirs', name, 'dataset_check'), f'Dataset check: {name}'
    )
    print(f'report: {page}')
    print(report.text())
    sys.exit(report.status == 'DO NOT TRAIN')


if __name__ == '__main__':
    run_tool(main)
