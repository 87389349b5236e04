"""Which images to label next: those that a model is least sure of and that differ.

python tools/pick_images.py INPUT ... --model MODEL [CHECKPOINT] --num 50 --out picked --to cvat
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmpose.apis.cli import run_tool
from mmpose.labelling.command import about_model, add_model_arguments, inferencer_of, model_of


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('input', nargs='+', help='images, folders or patterns of them')
    add_model_arguments(parser)
    parser.add_argument(
        '--model2',
        nargs='+',
        metavar=('MODEL', 'CHECKPOINT'),
        help='another model or checkpoint: where the two disagree, neither is sure',
    )
    parser.add_argument('--num', type=int, default=50, help='images to pick (50)')
    parser.add_argument('--out', type=Path, required=True, help='folder of all that is written')
    parser.add_argument(
        '--to', choices=['cvat', 'label_studio'], help='write the predictions for this tool, too'
    )
    parser.add_argument(
        '--kpt-thr', type=float, default=0.3, help='least score of a predicted keypoint (0.3)'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.backends import load_backend  # torch is loaded after the flags
    from mmpose.labelling.pick import pick_images

    inferencer = inferencer_of(args)
    second = None
    if args.model2:
        words = model_of(args.model2, '--model2')
        second = load_backend(*words, inferencer.predictor.backend.device, flip_test=False)
    about = about_model(args)
    print(
        pick_images(
            inferencer, args.input, args.num, args.out, about, args.to, second, args.kpt_thr
        )
    )


if __name__ == '__main__':
    run_tool(main)
