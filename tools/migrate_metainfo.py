#!/usr/bin/env python
"""Turn a skeleton of MMPose, a dataset_info or METAINFO dict, into a skeleton table.

Example:
    python tools/migrate_metainfo.py THEIR/configs/_base_/datasets/custom.py custom.csv
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.new_skeleton import migrate_skeleton


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Turn a skeleton of MMPose into a table.')
    parser.add_argument('file', help='Python file with the dict; it is read, not run')
    parser.add_argument('out', help='table to write, .csv; then metainfo=OUT in a config')
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    print(migrate_skeleton(args.file, args.out, args.overwrite))


if __name__ == '__main__':
    run_tool(main)
