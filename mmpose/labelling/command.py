"""Flags that ``pose pseudo-label`` and ``pose pick`` share, and their model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpose.apis.inference.inferencer import PoseInferencer


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the model and its detector, which are those of ``pose infer``."""
    parser.add_argument(
        '--model',
        nargs='+',
        required=True,
        metavar=('MODEL', 'CHECKPOINT'),
        help='name, config or work dir of a training; and a checkpoint',
    )
    parser.add_argument('--dataset', help='which head of a model of several datasets, e.g. ap10k')
    parser.add_argument(
        '--det', help='whole-image, a .json with boxes, torchvision, ...; see pose infer --help'
    )
    parser.add_argument('--det-cat', nargs='+', help='what to look for: names or COCO ids')
    parser.add_argument('--bbox-thr', type=float, default=0.3, help='least score of a box (0.3)')
    parser.add_argument('--device', help='cpu, cuda or cuda:N; a GPU by default where there is one')
    parser.add_argument('--batch-size', type=int, default=32, help='instances at a time (32)')


def inferencer_of(args: argparse.Namespace) -> PoseInferencer:
    """Returns the inferencer of a command line, without flip test.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there is no such model or detector, or the model is an exported file.
    """
    from mmpose.apis.inference.inferencer import PoseInferencer  # loads torch
    from mmpose.labelling.views import open_files

    open_files(args.input)  # raises now, before a model is loaded
    inferencer = PoseInferencer(
        *model_of(args.model, '--model'),
        dataset=args.dataset,
        flip_test=False,
        detector=args.det,
        categories=args.det_cat,
        bbox_threshold=args.bbox_thr,
        device=args.device,
        batch_size=args.batch_size,
    )
    if inferencer.heads:
        names = ', '.join(name for name, _ in inferencer.heads)
        raise ValueError(
            f'the model has a head per category ({names}), but a file of labels has one skeleton; '
            'take the model of one apart with pose split'
        )
    return inferencer


def model_of(words: list[str], flag: str) -> tuple[str, str | None]:
    """Returns the name of a model, and its checkpoint where there is one."""
    if len(words) > 2:
        raise ValueError(f'{flag} takes a model and a checkpoint, but {len(words)} came: {words}')
    return words[0], words[1] if len(words) == 2 else None


def about_model(args: argparse.Namespace) -> dict[str, str]:
    """Returns where the poses come from, for ``info`` in a file of labels: files, or names."""
    model, checkpoint = model_of(args.model, '--model')
    found = {'model': model, 'checkpoint': checkpoint, 'detector': args.det}
    return {name: text for name, text in found.items() if text is not None}
