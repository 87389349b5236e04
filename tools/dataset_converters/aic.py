#!/usr/bin/env python
"""Turn an official AI Challenger annotation file into a COCO file.

Example:
    python tools/dataset_converters/aic.py keypoint_train_annotations_20170902.json \
        --images keypoint_train_images_20170902 --out data/aic/annotations/aic_train.json
"""

import argparse
import sys

from mmpose.dataset_tools.official import convert_aic


def parse_args() -> argparse.Namespace:
    """Command line arguments."""
    parser = argparse.ArgumentParser(
        description='Turn an official AI Challenger annotation file into a COCO file.'
    )
    parser.add_argument('ann_file', help='keypoint_*_annotations_*.json')
    parser.add_argument('--images', required=True, help='folder of the images')
    parser.add_argument('--out', required=True, help='file to write')
    return parser.parse_args()


def main() -> int:
    """Convert and print the counts."""
    args = parse_args()
    try:
        counts = convert_aic(args.ann_file, args.images, args.out)
    except (OSError, ImportError, TypeError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for name, count in counts.items():
        print(f'{name}: {count}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
