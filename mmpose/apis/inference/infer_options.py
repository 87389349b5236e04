"""Command line of tools/infer.py: its flags, and those of MMPose's demos with their meaning."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmpose.apis.cli import INFERENCE_OUT

if TYPE_CHECKING:
    from mmpose.apis.inference.command import Outputs
    from mmpose.apis.inference.inferencer import PoseInferencer

WHOLE_IMAGE = 'whole-image'


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
    group.add_argument('--dataset', help='which head of a model of several datasets, e.g. ap10k')
    group.add_argument('--device', help='cpu, cuda or cuda:N; a GPU by default where there is one')
    group.add_argument('--dtype', choices=['float32', 'bfloat16', 'float16'], help='precision')
    group.add_argument('--compile', action='store_true', help='torch.compile the backbone')
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


def inferencer_of(args: argparse.Namespace) -> tuple[list[str], PoseInferencer]:
    """Returns the inputs and the inferencer of a command line.

    Raises:
        FileExistsError: If an output would replace a file of the user.
        ValueError: If flags are missing or contradict each other.
    """
    from mmpose.apis.inference.inferencer import PoseInferencer  # loads torch

    inputs, model, checkpoint, is_old_call = _model_of(args)
    check_outputs(inputs, outputs_of(args))
    detector = args.det or (WHOLE_IMAGE if is_old_call else None)
    if args.det_weights:
        name = detector or 'torchvision'
        if not name.startswith('torchvision'):
            raise ValueError(f"--det-weights are for detectors of torchvision, not for '{name}'")
        name = name if ':' in name else f'{name}:'
        detector = f'{name}:{args.det_weights}'
    categories: list[str | int] | None = args.det_cat
    if args.det_cat_ids is not None:
        categories = [_category(number) for number in args.det_cat_ids]
    inferencer = PoseInferencer(
        model,
        checkpoint,
        detector=detector,
        device=args.device,
        dataset=args.dataset,
        dtype=args.dtype,
        compile_model=args.compile,
        flip_test=args.flip_test,
        input_size=args.input_size and tuple(args.input_size),
        batch_size=args.batch_size,
        categories=categories,
        bbox_threshold=args.bbox_thr,
        nms_threshold=args.nms_thr,
        max_instances=args.num_instances,
        det_every=args.det_every,
        tracking=args.tracking,
        tracking_threshold=args.tracking_thr,
        oks_weight=1.0 if args.use_oks_tracking else None,
        smoothing=args.smooth,
        max_gap=args.max_gap,
        with_heatmaps=args.draw_heatmap,
        trust_checkpoint=args.trust_checkpoint,
    )
    return inputs, inferencer


def outputs_of(args: argparse.Namespace) -> Outputs:
    """Returns the outputs of a command line; without any flag, drawn images and videos."""
    from mmpose.apis.inference.command import FORMATS, Outputs
    from mmpose.apis.inference.image_ids import ids_by_name
    from mmpose.apis.inference.sequence import DrawOptions

    chosen = {'coco': args.save_json, 'jsonl': args.save_jsonl, 'csv': args.save_csv}
    chosen['npz'] = args.save_npz
    formats = tuple(name for name in FORMATS if chosen[name])
    writes_files = bool(formats) or args.pred_out_dir is not None
    is_silent = not (writes_files or args.out or args.out_file or args.show or args.save_video)
    folder = args.vis_out_dir or args.out
    return Outputs(
        out_dir=folder or Path(INFERENCE_OUT),
        result_dir=args.out or Path(INFERENCE_OUT),
        out_file=args.out_file,
        formats=formats,
        save_images=folder is not None or is_silent,
        save_video=bool(args.save_video or args.vis_out_dir or is_silent)
        or (args.out is not None and not writes_files),
        mmpose_dir=args.pred_out_dir,
        show=args.show,
        show_interval_s=args.show_interval,
        draw=DrawOptions(
            score_threshold=args.kpt_thr,
            line_width=args.thickness,
            show_boxes=args.draw_bbox,
            style=args.skeleton_style,
            color_by=args.color_by,
            show_ids=args.tracking,
            keypoint_text='index' if args.show_kpt_idx else None,
            radius=args.radius,
            alpha=args.alpha,
            heatmap='all' if args.draw_heatmap else None,
            black_background=args.black_background,
        ),
        image_ids=ids_by_name(args.ann) if args.ann else None,
        inputs=tuple(str(x) for x in (*(args.model or ()), args.det, args.ann) if x),
        max_frames=args.max_frames,
        progress=args.progress,
    )


def check_outputs(inputs: list[str], outputs: Outputs) -> None:
    """Checks the outputs against the inputs that are files, before a model is loaded.

    Raises:
        FileExistsError: If an output would replace a file of the user.
        ValueError: If an input or output is of no use.
    """
    from mmpose.apis.inference.command import plan_outputs
    from mmpose.apis.inference.sources import is_stream, open_sources

    files = [text for text in inputs if not is_stream(text)]
    if files:
        plan_outputs(open_sources(files), outputs)


def _model_of(args: argparse.Namespace) -> tuple[list[str], str, str | None, bool]:
    """Returns inputs, model, checkpoint, and whether they came as ``INPUT CONFIG [CHECKPOINT]``."""
    inputs = list(args.input)
    words = list(args.model or [])
    if args.pose2d is not None:
        words.append(args.pose2d)
    is_old_call = not words and len(inputs) in (2, 3) and inputs[1].endswith('.py')
    if is_old_call:
        inputs, words = inputs[:1], inputs[1:]
    if args.pose2d_weights is not None:
        words.append(args.pose2d_weights)
    if not words:
        raise ValueError(
            'there is no model; give --model with a name (--show-alias lists them), or a config '
            'and its checkpoint'
        )
    if not inputs:
        raise ValueError(
            'there is no input; give it before --model, whose second word is a checkpoint'
        )
    if len(words) > 2:
        raise ValueError(f'a model and a checkpoint are wanted, but {len(words)} came: {words}')
    return inputs, words[0], words[1] if len(words) == 2 else None, is_old_call


def _category(number: int) -> str:
    from mmpose.detectors.categories import COCO_CATEGORIES

    names = list(COCO_CATEGORIES.values())
    if not 0 <= number < len(names):
        raise ValueError(f'--det-cat-ids has {number}, expected 0 to {len(names) - 1}')
    return names[number]
