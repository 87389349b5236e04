"""Writes the boxes that a person detector finds, as bbox_file of a config, and rates them.

python tools/evaluate_detector.py torchvision:fasterrcnn_resnet50_fpn_v2 --device cuda \\
    --ann data/coco/annotations/person_keypoints_val2017.json --images data/coco/val2017 \\
    --out data/coco/person_detection_results/fasterrcnn_val2017.json
python tools/evaluate_detector.py boxes.json --ann annotations.json --images val2017
"""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.detectors import FORMS
from mmpose.evaluation.functional.box_ap import BOX_BACKENDS


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Run a detector over an annotation file.')
    parser.add_argument('detector', help=FORMS)
    parser.add_argument('--ann', required=True, help='annotation file in COCO layout')
    parser.add_argument('--images', required=True, help='folder that file_name starts from')
    parser.add_argument('--out', help='file for the boxes, in the COCO detection layout')
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1, ...')
    parser.add_argument(
        '--categories',
        nargs='+',
        default=['person'],
        help="what to look for: names, COCO ids, 'animal' for all animals of COCO",
    )
    parser.add_argument(
        '--class-names',
        nargs='+',
        help='names of the classes of a .onnx file, if not those of COCO',
    )
    parser.add_argument(
        '--category-id', type=int, help='write this category for every box; a bbox_file needs 1'
    )
    parser.add_argument('--score-thr', type=float, default=0.01, help='lowest score of a box')
    parser.add_argument(
        '--nms-thr', type=float, default=0.65, help='overlap (IoU) above which the weaker box goes'
    )
    parser.add_argument('--batch-size', type=int, default=8, help='images at a time')
    parser.add_argument(
        '--evaluator', choices=BOX_BACKENDS, default='auto', help='what rates the boxes'
    )
    return parser.parse_args()


def main() -> None:
    """Detects, writes and prints."""
    args = parse_args()
    from mmpose.analysis.detection import evaluate_detector, format_run
    from mmpose.structures.output_files import writing

    with writing(args.out, inputs=[args.detector, args.ann]):
        run = evaluate_detector(
            args.detector,
            args.ann,
            args.images,
            args.out,
            device=args.device,
            categories=args.categories,
            score_threshold=args.score_thr,
            nms_threshold=args.nms_thr,
            class_names=args.class_names,
            batch_size=args.batch_size,
            category_id=args.category_id,
            backend=args.evaluator,
        )
    print(format_run(run, args.out))


if __name__ == '__main__':
    run_tool(main)
