"""Flags of tools/infer.py as an inferencer and its outputs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmpose.apis.cli import INFERENCE_OUT

if TYPE_CHECKING:
    from mmpose.apis.inference.command import Outputs
    from mmpose.apis.inference.inferencer import PoseInferencer

WHOLE_IMAGE = 'whole-image'


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
        cuda_graphs=args.cuda_graphs,
        flip_test=args.flip_test,
        input_size=args.input_size and tuple(args.input_size),
        batch_size=args.batch_size,
        categories=categories,
        bbox_threshold=args.bbox_thr,
        nms_threshold=args.nms_thr,
        max_instances=args.num_instances,
        refine=args.refine,
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
