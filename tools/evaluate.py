"""Prints the COCO keypoint figures of a result file: no model and no images are needed.

python tools/evaluate.py result_keypoints.json --dataset coco --ann person_keypoints_val2017.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mmpose.evaluation.functional import BACKENDS, evaluate_files, format_scores
from mmpose.metainfo import load_metainfo


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Evaluate a COCO keypoint result file.')
    parser.add_argument('results', help='result file: image_id, category_id, keypoints, score')
    parser.add_argument('--dataset', default='coco', help='skeleton, by name or file')
    parser.add_argument('--ann', required=True, help='annotation file in COCO format')
    parser.add_argument('--out', help='JSON file to which the figures are written as well')
    parser.add_argument('--backend', default='numpy', choices=BACKENDS, help='evaluator')
    parser.add_argument(
        '--no-area', action='store_true', help='take 0.53 of the box as the object area'
    )
    return parser.parse_args()


def main() -> None:
    """Evaluates, prints, and writes if asked to."""
    args = parse_args()
    sigmas = load_metainfo(args.dataset).sigmas
    if sigmas is None:
        raise ValueError(f'--dataset {args.dataset} has no sigmas, which OKS needs')
    figures = evaluate_files(args.ann, args.results, sigmas, not args.no_area, args.backend)
    print(format_scores(figures))
    if args.out:
        Path(args.out).write_text(json.dumps(figures, indent=2) + '\n')


if __name__ == '__main__':
    try:
        main()
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
