#!/usr/bin/env python
"""Divide AP-10K into train, val and test anew, or check a given split.

Example:
    python tools/dataset_converters/ap10k.py ap10k-{train,val,test}-split1.json --out new --seed 1
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.official import check_ap10k, split_ap10k


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Divide AP-10K into train, val and test anew, or check a given split.'
    )
    parser.add_argument('ann_files', nargs='+', help='official files that make up the dataset')
    parser.add_argument('--check', action='store_true', help='only check that they are one split')
    parser.add_argument('--out', default='data/ap10k/annotations', help='folder to write into')
    parser.add_argument('--number', type=int, default=1, help='of the split, for the file names')
    parser.add_argument('--seed', type=int, default=0, help='of the split')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.check:
        counts = check_ap10k(args.ann_files)
    else:
        counts = split_ap10k(args.ann_files, args.out, args.number, args.seed)
    for name, count in counts.items():
        print(f'{name}: {count}')


if __name__ == '__main__':
    run_tool(main)
