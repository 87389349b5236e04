"""Pseudo-labels of images or videos: what a model is sure of, as a COCO file to train on.

python tools/pseudo_label.py INPUT ... --model MODEL [CHECKPOINT] --out labels.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmpose.apis.cli import run_tool
from mmpose.labelling.command import about_model, add_model_arguments, inferencer_of


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('input', nargs='+', help='images, folders or patterns of them; or videos')
    add_model_arguments(parser)
    parser.add_argument('--out', type=Path, required=True, help='file of the labels, .json')
    parser.add_argument(
        '--threshold',
        type=float,
        default=0.6,
        help='scores of keypoints are above it; 0.5 at least (0.6)',
    )
    parser.add_argument(
        '--agreement',
        type=float,
        default=0.8,
        help='least similarity of the views of a keypoint, 0 to 1 as in OKS (0.8)',
    )
    parser.add_argument(
        '--min-track', type=int, default=5, help='frames of a video that an instance is in (5)'
    )
    parser.add_argument(
        '--every', type=int, default=10, help='take every N-th frame of a video as an image (10)'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.labelling.pseudo_labels import Acceptance, write_pseudo_labels  # torch

    rules = Acceptance(args.threshold, args.agreement, args.min_track, args.every)
    print(write_pseudo_labels(inferencer_of(args), args.input, args.out, rules, about_model(args)))


if __name__ == '__main__':
    run_tool(main)
