"""Options and run of ``tools/export.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpose.config.load import load_config
from mmpose.export.export import FORMATS, ExportReport, export_model
from mmpose.export.models import load_source
from mmpose.export.weights import WEIGHTS, export_weights

ALL_FORMATS = (*FORMATS, *WEIGHTS)


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        format: One of ``ALL_FORMATS``.
        out: File or folder to write; None names it after the checkpoint, beside it.
        decode_in_graph: Whether the program gives keypoints instead of heatmaps.
        flip_test: Whether the program averages the heatmaps with those of the mirrored crop.
        batch_size: Crops a call; None for any number.
        fp16: Whether to store, and where the runtime can to compute, in half precision.
        int8: Folder with images of people, for int8 linear layers; see ``write_int8``.
        images: Folder with images of people to compare on; None takes those of ``int8``, or
            generates people.
        input_size: Width and height of the crops, px, instead of the config's.
        dataset: The only dataset to take of a model of several; None takes all.
        check_ap: Config on whose validation set the AP before and after is computed.
        data_root: Folder of the datasets of ``check_ap``.
        cfg_options: Overrides of the config by dotted key.
        trust_checkpoint: Whether the checkpoint may run code when it is read.
    """

    format: str = 'onnx'
    out: str | Path | None = None
    decode_in_graph: bool = False
    flip_test: bool = False
    batch_size: int | None = 1
    fp16: bool = False
    int8: str | Path | None = None
    images: str | Path | None = None
    input_size: tuple[int, int] | None = None
    dataset: str | None = None
    check_ap: str | Path | None = None
    data_root: str | None = None
    cfg_options: dict[str, Any] | None = None
    trust_checkpoint: bool = False


def run_export(config: str | Path, checkpoint: str | Path, options: ExportOptions) -> ExportReport:
    """Exports a model.

    Raises:
        ValueError: If the options contradict each other, or the model and the format.
    """
    if options.fp16 and options.int8:
        raise ValueError('--fp16 and --int8 exclude each other; choose one')
    if options.batch_size is not None and options.batch_size < 1:
        raise ValueError(f'--batch-size is {options.batch_size}, expected 1 or more')
    if options.format in WEIGHTS:
        _refuse_for_weights(options)
    precision = 'int8' if options.int8 else 'fp16' if options.fp16 else 'fp32'
    path = Path(options.out or _default_path(checkpoint, options, precision))
    cfg = None
    if options.check_ap is not None:
        cfg = load_config(options.check_ap, data_root=options.data_root, check=False)
    source = load_source(
        config,
        checkpoint,
        cfg_options=options.cfg_options,
        dataset=options.dataset,
        flip_test=options.flip_test,
        input_size=options.input_size,
        batch_size=options.batch_size,
        trust_checkpoint=options.trust_checkpoint,
    )
    images = options.images or options.int8
    if options.format in WEIGHTS:
        return export_weights(
            source, config, checkpoint, path, options.format, images, options.trust_checkpoint
        )
    return export_model(
        source,
        path,
        options.format,
        decode_in_graph=options.decode_in_graph,
        precision=precision,
        images=images,
        check_ap=cfg,
    )


def _refuse_for_weights(options: ExportOptions) -> None:
    """Names options of programs where only weights are written."""
    names = ('decode_in_graph', 'flip_test', 'fp16', 'int8', 'input_size', 'check_ap')
    given = [name for name in (*names, 'cfg_options', 'dataset') if getattr(options, name)]
    if given:
        flags = ', '.join('--' + name.replace('_', '-') for name in given)
        raise ValueError(
            f'--format {options.format} holds weights and no program; omit {flags} '
            '(tools/model_split.py extracts single datasets)'
        )


def _default_path(checkpoint: str | Path, options: ExportOptions, precision: str) -> Path:
    suffix = {**WEIGHTS, **{name: x.suffix for name, x in FORMATS.items()}}[options.format]
    parts = [Path(str(checkpoint)).stem, options.dataset]
    parts += [precision if precision != 'fp32' else None]
    parts += ['huggingface' if options.format == 'huggingface' else None]
    name = '_'.join(part for part in parts if part) + suffix
    return Path(name) if '://' in str(checkpoint) else Path(checkpoint).with_name(name)
