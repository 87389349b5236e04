#!/usr/bin/env python
"""Converts keypoint annotations between COCO and the formats of annotation tools.

Examples:
    python tools/dataset_converters/convert_annotations.py annotations.xml train.json \
        --from cvat --to coco
    python tools/dataset_converters/convert_annotations.py path/to/project train.json \
        --from deeplabcut --to coco --box-margin 0.1
    python tools/dataset_converters/convert_annotations.py train.json yolo \
        --from coco --to ultralytics
"""

from __future__ import annotations

import argparse

from mmpose.apis.cli import run_tool
from mmpose.dataset_tools.convert import FORMATS, convert_annotations


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Convert keypoint annotations.')
    parser.add_argument(
        'input', help='file; folder for labelme and ultralytics; either for deeplabcut'
    )
    parser.add_argument('output', help='the same')
    parser.add_argument('--from', dest='source_format', required=True, choices=FORMATS)
    parser.add_argument('--to', dest='target_format', required=True, choices=FORMATS)
    parser.add_argument(
        '--images',
        help='folder of the images, for formats without image sizes; deeplabcut finds its own',
    )
    parser.add_argument(
        '--metainfo',
        help='skeleton that gives keypoint names, order and skeleton links: a name or a .csv',
    )
    parser.add_argument('--split', default='train', help='split of an ultralytics dataset')
    parser.add_argument(
        '--box-margin',
        type=float,
        default=0.0,
        help='margin of boxes made from keypoints, as a fraction of the longer side',
    )
    parser.add_argument(
        '--whole-image',
        action='store_true',
        help='boxes that must be made are the whole image: one animal, and no detector for it',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace files that exist, none that is read'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    labels = convert_annotations(
        args.input,
        args.output,
        args.source_format,
        args.target_format,
        images=args.images,
        metainfo=args.metainfo,
        split=args.split,
        box_margin=args.box_margin,
        whole_image=args.whole_image,
        overwrite=args.overwrite,
    )
    for note in labels.notes:
        print(f'note: {note}')
    print(
        f'{args.output}: {len(labels.images)} images, {len(labels.instances)} instances, '
        f'{len(labels.keypoint_names)} keypoints, categories {list(labels.categories)}'
    )


if __name__ == '__main__':
    run_tool(main)
