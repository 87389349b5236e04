"""Says where a keypoint result loses AP: places of joints, scores, missed and invented people.

python tools/analyze_errors.py results.json --ann person_keypoints_val2017.json --images val2017
"""

import argparse

from mmpose.analysis.error_report import report_errors
from mmpose.coco.category_choice import as_category


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description='Split the errors of a result file by kind.')
    parser.add_argument('results', help='result file: image_id, category_id, keypoints, score')
    parser.add_argument('--ann', required=True, help='annotation file in COCO format')
    parser.add_argument(
        '--dataset', default='coco', help='dataset, or skeleton by name or .csv file'
    )
    parser.add_argument(
        '--category',
        nargs='+',
        type=as_category,
        help='ids or names of the categories to evaluate; default: all of the annotation file',
    )
    parser.add_argument('--images', help='folder of the images; without it there are no pictures')
    parser.add_argument('--out', help='folder of the report; default: beside the result file')
    parser.add_argument('--num-worst', type=int, default=20, help='images to list and draw')
    parser.add_argument(
        '--no-area', action='store_true', help='take 0.53 of the box as the object area'
    )
    return parser.parse_args()


def main() -> None:
    """Analyzes, prints and writes."""
    args = parse_args()
    print(
        report_errors(
            args.results,
            args.ann,
            dataset=args.dataset,
            image_folder=args.images,
            out_dir=args.out,
            num_worst=args.num_worst,
            use_area=False if args.no_area else None,
            category=args.category,
        )
    )


if __name__ == '__main__':
    try:
        main()
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
