"""Poses in images, folders, videos, cameras and streams.

python tools/infer.py INPUT --model NAME|CONFIG|WORK_DIR|EXPORTED [CHECKPOINT] [--out DIR] ...
python tools/infer.py IMAGE CONFIG CHECKPOINT --out-file drawn.jpg
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from mmpose.apis.cli import INFERENCE_OUT, run_tool
from mmpose.apis.inference.infer_options import inferencer_of, outputs_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of tools/infer.py."""
    parser.add_argument(
        'input',
        nargs='*',
        help='images, videos, folders, patterns, numbers of cameras, URLs of streams; or one of '
        'them, a config and a checkpoint',
    )
    _add_model_arguments(parser.add_argument_group('model'))
    _add_instance_arguments(parser.add_argument_group('instances'))
    _add_output_arguments(parser.add_argument_group('output'))
    _add_drawing_arguments(parser.add_argument_group('drawing'))
    parser.add_argument('--show-alias', action=_ShowNames, help='print the names of models')


def _add_model_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--model',
        nargs='+',
        metavar=('MODEL', 'CHECKPOINT'),
        help='name, config, work dir of a training or exported file; and a checkpoint',
    )
    group.add_argument('--pose2d', metavar='MODEL', help='the same without a checkpoint')
    group.add_argument('--pose2d-weights', metavar='CHECKPOINT', help='its checkpoint')
    group.add_argument(
        '--dataset',
        '--category',
        help='which head of a model of several datasets or categories, e.g. ap10k; by default the '
        'first, or for each box that of its category',
    )
    group.add_argument('--device', help='cpu, cuda or cuda:N; a GPU by default where there is one')
    group.add_argument('--dtype', choices=['float32', 'bfloat16', 'float16'], help='precision')
    group.add_argument('--compile', action='store_true', help='torch.compile backbone and heads')
    group.add_argument(
        '--cuda-graphs', action='store_true', help='faster batches of up to 32 instances on a GPU'
    )
    group.add_argument(
        '--flip-test',
        action=argparse.BooleanOptionalAction,
        help='average with the mirror image; as the config says by default',
    )
    group.add_argument(
        '--input-size', nargs=2, type=int, metavar=('W', 'H'), help='size of the crops, px'
    )
    group.add_argument('--batch-size', type=int, default=32, help='instances at a time (32)')
    group.add_argument('--scope', choices=['mmpose'], help='of MMPose; there is one only')
    group.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load a checkpoint that runs code when it is read; only for files you trust',
    )


def _add_instance_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--det',
        '--det-model',
        help='whole-image, a .json with boxes, torchvision[:NAME[:WEIGHTS]], an .onnx file or '
        'hf:ID; torchvision by default, whole-image with INPUT CONFIG CHECKPOINT and where no '
        'detector knows the skeleton',
    )
    group.add_argument('--det-weights', help='weights of a torchvision detector, a file')
    group.add_argument(
        '--det-cat',
        nargs='+',
        help='what to look for: names or COCO ids; people, animals or hands by default, as the '
        'skeleton is',
    )
    group.add_argument(
        '--det-cat-ids',
        '--det-cat-id',
        nargs='+',
        type=int,
        help='the same by number of the class as MMDetection counts, from 0, which is a person',
    )
    group.add_argument('--det-every', type=int, default=1, help='detect in every N-th frame (1)')
    group.add_argument('--bbox-thr', type=float, default=0.3, help='least score of a box (0.3)')
    group.add_argument(
        '--nms-thr', type=float, default=0.65, help='most overlap (IoU) of two boxes (0.65)'
    )
    group.add_argument('--num-instances', type=int, help='take only the N best boxes of a frame')
    group.add_argument(
        '--refine',
        type=int,
        default=0,
        metavar='N',
        help='estimate N times again, in the boxes around the keypoints (0)',
    )
    group.add_argument(
        '--tracking', action=argparse.BooleanOptionalAction, default=True, help='give track ids'
    )
    group.add_argument('--tracking-thr', type=float, default=0.2, help='least similarity (0.2)')
    group.add_argument(
        '--use-oks-tracking', action='store_true', help='similarity by OKS alone, without boxes'
    )
    group.add_argument('--smooth', action='store_true', help='smooth the keypoints of a video')
    group.add_argument('--max-gap', type=int, default=0, help='fill gaps of up to N frames')


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--out', type=Path, help=f'folder of all that is written ({INFERENCE_OUT})')
    group.add_argument('--out-file', type=Path, help='file of the only drawn image or video')
    group.add_argument('--vis-out-dir', type=Path, help='folder of drawn images and videos')
    group.add_argument(
        '--pred-out-dir', type=Path, help='folder of JSON files with the fields of MMPose'
    )
    for name, text in {
        'json': 'results.json, COCO results',
        'jsonl': 'results.jsonl, a line per frame',
        'csv': 'results.csv, a row per person',
        'npz': 'results.npz, arrays',
    }.items():
        group.add_argument(f'--save-{name}', action='store_true', help=f'write {text}')
    group.add_argument('--save-video', action='store_true', help='write drawn videos')
    group.add_argument(
        '--ann', help='COCO annotations of the images: results.json gets their image ids'
    )
    group.add_argument('--max-frames', type=int, help='end each input after N frames')
    group.add_argument('--show', action='store_true', help='show pictures; q or Escape ends')
    group.add_argument('--show-interval', type=float, help='seconds that each picture stays')
    group.add_argument(
        '--progress',
        '--show-progress',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='tell how far it is',
    )


def _add_drawing_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--kpt-thr', type=float, default=0.3, help='least score of a keypoint (0.3)')
    group.add_argument('--draw-bbox', action='store_true', help='draw boxes')
    group.add_argument('--draw-heatmap', action='store_true', help='draw heatmaps')
    group.add_argument('--show-kpt-idx', action='store_true', help='number the keypoints')
    group.add_argument('--skeleton-style', choices=['mmpose', 'openpose'], default='mmpose')
    group.add_argument('--color-by', choices=['keypoint', 'instance'], default='keypoint')
    group.add_argument('--radius', type=float, help='of keypoints, px; by size of the person')
    group.add_argument('--thickness', type=float, help='of limbs, px; by size of the person')
    group.add_argument('--alpha', type=float, default=1.0, help='opacity of skeletons (1)')
    group.add_argument('--black-background', action='store_true', help='skeletons alone')


class _ShowNames(argparse.Action):
    """Prints the names of models and ends."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from mmpose.backends import model_names

        for name, (config, dataset) in sorted(model_names().items()):
            print(f'{name:18} configs/{config}' + (f', head {dataset}' if dataset else ''))
        parser.exit()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    from mmpose.apis.inference.command import run_inference  # torch is loaded after the flags

    inputs, inferencer = inferencer_of(args)
    print(run_inference(inferencer, inputs, outputs_of(args)))


if __name__ == '__main__':
    warnings.formatwarning = lambda message, *_: f'warning: {message}\n'
    run_tool(main)
