#!/usr/bin/env python
"""Turn the official MATLAB file of MPII into JSON lists.

Example:
    python tools/dataset_converters/mpii.py mpii_human_pose_v1_u12_1.mat \
        --out data/mpii/annotations --val-list val_images.txt
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.official import convert_mpii


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Turn the official MATLAB file of MPII into JSON lists.'
    )
    parser.add_argument('mat_file', help='mpii_human_pose_v1_u12_1.mat')
    parser.add_argument('--out', default='data/mpii/annotations', help='folder to write into')
    parser.add_argument(
        '--val-list', help='names of the validation images, one per line; the .mat file has none'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    counts = convert_mpii(args.mat_file, args.out, args.val_list)
    for name, count in counts.items():
        print(f'{name}: {count}')
    if args.val_list is None:
        print('mpii_train.json and mpii_val.json need --val-list: the .mat file has no such split')


if __name__ == '__main__':
    run_tool(main)
