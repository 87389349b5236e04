#!/usr/bin/env python
"""Give APT-36K relative image paths and a split by clip.

Example:
    python tools/dataset_converters/apt36k.py apt36k_annotations.json \
        --images data/apt36k --out data/apt36k/annotations
"""

import argparse
import sys

from mmpose.dataset_tools.official import split_apt36k


def parse_args() -> argparse.Namespace:
    """Command line arguments."""
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


def main() -> int:
    """Convert and print the counts."""
    args = parse_args()
    try:
        counts = split_apt36k(
            args.ann_file, args.out, args.images, args.number, args.seed, args.skip_missing
        )
    except (OSError, ImportError, TypeError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for name, count in counts.items():
        print(f'{name}: {count}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
