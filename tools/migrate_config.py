"""Writes a config of MMPose 1.x or 0.x in our words: python tools/migrate_config.py OLD NEW."""

import argparse
import sys

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write a config of MMPose 1.x or 0.x, or of a fork, in the words of this '
        'project, and say line by line what was mapped. Configs also run as they are.'
    )
    parser.add_argument('config', help='config file, with its _base_ files beside it')
    parser.add_argument('out', help='file to write, such as mine.py')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.config.load import read_config
    from mmpose.config.migration.dialect import migrate_file, report_lines

    cfg = read_config(args.config, import_modules=False)
    dialect, notes = migrate_file(args.config, cfg, args.out)
    print('\n'.join(report_lines(notes)))
    counts = f'{len(notes.exact)} exact, {len(notes.inexact)} not exact'
    if notes.refused:
        num = len(notes.refused)
        sys.exit(f'error: {args.config} ({dialect}): keys without a counterpart: {num}')
    print(f'{args.config} ({dialect}) is written to {args.out}: {counts}')


if __name__ == '__main__':
    run_tool(main)
