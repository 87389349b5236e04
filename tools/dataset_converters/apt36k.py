#!/usr/bin/env python
"""Give APT-36K relative image paths and a split by clip.

Example:
    python tools/dataset_converters/apt36k.py apt36k_annotations.json \
        --images data/apt36k --out data/apt36k/annotations
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.official import split_apt36k


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Give APT-36K relative image paths and a split by clip.'
    )
    parser.add_argument('ann_file', help='apt36k_annotations.json')
    parser.add_argument('--images', help='folder that the file names are to start from')
    parser.add_argument('--out', default='data/apt36k/annotations', help='folder to write into')
    parser.add_argument('--number', type=int, default=1, help='of the split, for the file names')
    parser.add_argument('--seed', type=int, default=0, help='of the split')
    parser.add_argument(
        '--skip-missing', action='store_true', help='leave out images that are not there'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    counts = split_apt36k(
        args.ann_file, args.out, args.images, args.number, args.seed, args.skip_missing
    )
    for name, count in counts.items():
        print(f'{name}: {count}')


if __name__ == '__main__':
    run_tool(main)
