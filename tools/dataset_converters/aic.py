#!/usr/bin/env python
"""Turn an official AI Challenger annotation file into a COCO file.

Example:
    python tools/dataset_converters/aic.py keypoint_train_annotations_20170902.json \
        --images keypoint_train_images_20170902 --out data/aic/annotations/aic_train.json
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.official import convert_aic


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Turn an official AI Challenger annotation file into a COCO file.'
    )
    parser.add_argument('ann_file', help='keypoint_*_annotations_*.json')
    parser.add_argument('--images', required=True, help='folder of the images')
    parser.add_argument('--out', required=True, help='file to write')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    counts = convert_aic(args.ann_file, args.images, args.out)
    for name, count in counts.items():
        print(f'{name}: {count}')


if __name__ == '__main__':
    run_tool(main)
