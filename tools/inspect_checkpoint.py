"""Inspects a checkpoint, its origin, config and test: python tools/inspect_checkpoint.py FILE."""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Say what a checkpoint is and how to test it.')
    parser.add_argument('checkpoint', help='checkpoint file, folder or address')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that runs code when it is read; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.checkpoint_tools import inspect_checkpoint

    print(inspect_checkpoint(args.checkpoint, args.trust_checkpoint))


if __name__ == '__main__':
    run_tool(main)
