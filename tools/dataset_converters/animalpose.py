#!/usr/bin/env python
"""Turn the XML files of Animal-Pose into COCO files.

Example:
    python tools/dataset_converters/animalpose.py data/animalpose --out data/animalpose/annotations
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.official import convert_animalpose


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Turn the XML files of Animal-Pose into COCO files.'
    )
    parser.add_argument('root', help='folder of the unpacked archives')
    parser.add_argument('--out', default='data/animalpose/annotations', help='folder to write into')
    parser.add_argument('--seed', type=int, default=0, help='of the split')
    parser.add_argument('--val-list', help='names of the validation images, one per line')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    counts = convert_animalpose(args.root, args.out, args.seed, args.val_list)
    for name, count in counts.items():
        print(f'{name}: {count}')


if __name__ == '__main__':
    run_tool(main)
