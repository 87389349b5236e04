"""Extracts the models of single datasets: python tools/model_split.py --source CKPT [--target DIR].

Writes coco.pth, aic.pth, mpii.pth and, from ViTPose+, ap10k.pth, apt36k.pth and wholebody.pth.
"""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Extract the models of single datasets.')
    parser.add_argument('--source', required=True, help='ViTPose+, HAP or multi-task checkpoint')
    parser.add_argument('--target', help='folder for the files; that of the source by default')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that runs code when it is read; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.checkpoint_tools import split_checkpoint

    report = split_checkpoint(args.source, args.target, args.trust_checkpoint)
    print(f'{args.source}: {report.source.format_name}, sha256 {report.source.sha256}')
    for note in (*report.source.converted.notes, *report.notes):
        print(f'note: {note}')
    for name, path in report.files.items():
        print(f'{name}: {path}')


if __name__ == '__main__':
    run_tool(main)
