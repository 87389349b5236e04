"""Prints the official metrics of a result file: no model and no images are needed.

python tools/evaluate.py result_keypoints.json --dataset coco --ann person_keypoints_val2017.json
python tools/evaluate.py result_keypoints.json --dataset mpii --ann mpii_val.json
python tools/evaluate.py result_keypoints.json --dataset interhand2d \\
    --ann InterHand2.6M_test_data.json
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

from mmpose.coco.category_choice import as_category
from mmpose.evaluation.functional import (
    BACKENDS,
    EVAL_CONFIGS,
    KeypointGroundTruth,
    evaluate_keypoints,
    evaluate_results,
    find_eval_config,
    format_scores,
)
from mmpose.structures.output_files import writing

INTERHAND_DATA = '_data.json'  # beside it lie the files that end in _camera and _joint_3d


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Evaluate a keypoint result file of any system.')
    parser.add_argument(
        'results',
        help='result file: image_id, category_id, keypoints, score; and ann_id where each pose is '
        'compared with its own annotation',
    )
    parser.add_argument(
        '--dataset',
        default='coco',
        help=f'{", ".join(EVAL_CONFIGS)}; or a skeleton, by name or file, to evaluate as COCO',
    )
    parser.add_argument('--ann', required=True, help='official annotation file')
    parser.add_argument('--out', help='JSON file to which the metrics are written as well')
    parser.add_argument('--backend', default='numpy', choices=BACKENDS, help='evaluator of COCO AP')
    parser.add_argument(
        '--no-area', action='store_true', help='take 0.53 of the box as the object area'
    )
    parser.add_argument(
        '--category',
        nargs='+',
        type=as_category,
        help='ids or names of the categories to evaluate; default: all of the annotation file',
    )
    parser.add_argument('--gt-mat', help='mpii_gt_val.mat, if it is not beside the annotations')
    return parser.parse_args()


def read_interhand(ann_file: str) -> KeypointGroundTruth:
    """Ground truth of the three files of InterHand2.6M, by the first of them."""
    from mmpose.datasets import InterHand2DDataset

    stem = ann_file.removesuffix(INTERHAND_DATA)
    dataset = InterHand2DDataset(
        ann_file=ann_file,
        camera_file=f'{stem}_camera.json',
        joint_file=f'{stem}_joint_3d.json',
        data_root=str(Path(ann_file).parent),
        test_mode=True,
    )
    return dataset.ground_truth()


def main() -> None:
    """Evaluates, prints, and writes if asked to."""
    args = parse_args()
    with writing(args.out, inputs=[args.ann, args.results, args.gt_mat]):
        if args.dataset == 'interhand2d' and args.ann.endswith(INTERHAND_DATA):
            if args.category:
                raise ValueError('--category is for annotations in the format of COCO')
            gt = read_interhand(str(Path(args.ann).resolve()))
            metrics = evaluate_keypoints(find_eval_config(args.dataset), gt, args.results)
        else:
            metrics = evaluate_results(
                args.dataset,
                args.results,
                args.ann,
                use_area=False if args.no_area else None,
                backend=args.backend,
                mat_file=args.gt_mat,
                category=args.category,
            )
        print(format_scores(metrics))
        if args.out:
            Path(args.out).write_text(json.dumps(metrics, indent=2) + '\n')


if __name__ == '__main__':
    warnings.formatwarning = lambda message, *_: f'warning: {message}\n'
    try:
        main()
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
