"""Converts a pose checkpoint: python tools/convert_checkpoint.py SRC DST --to FORMAT.

The heatmaps of both are compared, and the largest difference is printed.
"""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Convert a pose checkpoint.')
    parser.add_argument('source', help='checkpoint file or folder of any known code base')
    parser.add_argument('target', help='file to write; for huggingface a folder')
    parser.add_argument(
        '--to', required=True, help='ours, vitpose, mmpose1x, huggingface or safetensors'
    )
    parser.add_argument(
        '--config', help='config of the model; without it the model is built from the weights'
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that runs code when it is read; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.checkpoint_tools import convert_checkpoint

    done = convert_checkpoint(
        args.source, args.target, args.to, args.config, trust=args.trust_checkpoint
    )
    print(f'{args.source}: {done.source.format_name}, sha256 {done.source.sha256}')
    for note in done.notes:
        print(f'note: {note}')
    print(f'{done.target}: {args.to}, sha256 {done.sha256}')
    datasets = f' of {done.num_datasets} datasets' if done.num_datasets > 1 else ''
    print(f'largest difference of the heatmaps{datasets}: {done.difference:.3g}')


if __name__ == '__main__':
    run_tool(main)
