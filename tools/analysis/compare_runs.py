"""Compares two result files of the same images, the first being the one to beat.

python tools/analysis/compare_runs.py a/result_keypoints.json b/result_keypoints.json \\
    --ann person_keypoints_val2017.json --images val2017 --out a_b
"""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Compare two keypoint result files.')
    parser.add_argument('first', help='result file of the older or weaker model')
    parser.add_argument('second', help='result file of the other model')
    parser.add_argument('--ann', required=True, help='annotation file in COCO format')
    parser.add_argument(
        '--dataset', default='coco', help='dataset, or skeleton by name or .csv file'
    )
    parser.add_argument('--images', help='folder of the images, for pictures in the page')
    parser.add_argument('--out', help='folder for comparison.html and comparison.json')
    parser.add_argument(
        '--num-images', type=int, default=10, help='images that got better, and that got worse'
    )
    parser.add_argument(
        '--no-area', action='store_true', help='take 0.53 of the box as the object area'
    )
    parser.add_argument('--resamples', type=int, default=1000, help='resamples of the images')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.analysis.comparison_report import report_comparison

    print(
        report_comparison(
            args.first,
            args.second,
            args.ann,
            dataset=args.dataset,
            image_folder=args.images,
            out_dir=args.out,
            num_images=args.num_images,
            use_area=False if args.no_area else None,
            num_resamples=args.resamples,
            seed=args.seed,
        )
    )


if __name__ == '__main__':
    run_tool(main)
