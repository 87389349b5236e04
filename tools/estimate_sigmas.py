#!/usr/bin/env python
"""Estimate the sigmas of keypoints from repeated labels of the same images.

Example:
    python tools/estimate_sigmas.py anna.json ben.json --metainfo mine.csv --out mine_sigmas.csv
"""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Estimate sigmas from repeated labels.')
    parser.add_argument('files', nargs='+', help="one file in COCO's layout per annotator")
    parser.add_argument('--metainfo', required=True, help='skeleton: a name or a table')
    parser.add_argument('--out', help='table to write with the new sigmas, .csv')
    args = parser.parse_args()
    if len(args.files) < 2:
        parser.error('give at least two files, with labels of the same images')
    return args


def main() -> None:
    args = parse_args()
    from mmpose.dataset_tools.sigmas import estimate_sigmas, write_sigmas

    estimate = estimate_sigmas(args.files, args.metainfo)
    print('\n'.join(estimate.lines()))
    if args.out:
        write_sigmas(estimate, args.out, args.files)
        print(f'wrote {args.out}')


if __name__ == '__main__':
    run_tool(main)
