#!/usr/bin/env python
"""Generates a toy dataset of people, animals or hands in the layout of a real dataset.

Examples:
    python tools/make_toy_dataset.py --out data/toy --num-train 4000 --num-val 400 --seed 0
    python tools/make_toy_dataset.py --format mpii --out data/mpii --num-train 400 --num-val 40
"""

import argparse
import sys
import time

from toy_pose import FORMATS, ToySpec, generate_toy_dataset


def parse_args() -> argparse.Namespace:
    """Returns the arguments of the command line."""
    default = ToySpec()
    parser = argparse.ArgumentParser(description='Generate a toy dataset.')
    parser.add_argument(
        '--format',
        choices=FORMATS,
        default=default.format,
        help='dataset to imitate',
    )
    parser.add_argument('--out', default='data/toy', help='folder of the dataset, its data_root')
    parser.add_argument(
        '--num-train', type=int, default=default.num_train, help='images of split train'
    )
    parser.add_argument(
        '--num-val', type=int, default=default.num_val, help='images of each other split'
    )
    parser.add_argument('--seed', type=int, default=default.seed)
    parser.add_argument('--workers', type=int, help='processes; default: one per core')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing dataset')
    return parser.parse_args()


def main() -> None:
    """Generates or reuses the dataset and prints the counts."""
    args = parse_args()
    started = time.perf_counter()
    try:
        spec = ToySpec(args.num_train, args.num_val, args.seed, args.format)
        summary = generate_toy_dataset(args.out, spec, args.workers, args.overwrite)
    except (FileExistsError, ValueError) as error:
        sys.exit(f'error: {error}')
    for split, num_images in summary.num_images.items():
        print(f'{split}: {num_images} images, {summary.num_instances[split]} {summary.instances}')
    if not summary.is_reused:
        count = sum(summary.num_instances.values())
        seconds = time.perf_counter() - started
        print(f'{seconds:.1f} s, {count / seconds:.0f} {summary.instances}/s')


if __name__ == '__main__':
    main()
