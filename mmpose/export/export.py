"""Export of a model to a file of another runtime, compared with PyTorch; the report on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import json_tricks
import torch
from mmengine.config import Config
from torch import nn

from mmpose.backends import open_exported
from mmpose.backends.metadata import VERSION, ExportMetadata
from mmpose.backends.runtimes import sidecar
from mmpose.export.accuracy import evaluate_backends
from mmpose.export.comparison import TOLERANCES, Comparison, compare
from mmpose.export.crops import load_crops, with_condition
from mmpose.export.formats import (
    write_int8,
    write_onnx,
    write_openvino,
    write_tensorrt,
    write_torch_export,
    write_torchscript,
)
from mmpose.export.models import Source
from mmpose.export.network import PoseProgram, SwitchedProgram
from mmpose.export.quantization import with_int8_layers
from mmpose.models.pose_estimators.base import NUM_COLORS
from mmpose.structures.output_files import writing

NUM_COMPARED = 4  # crops
NUM_CALIBRATION = 64  # crops


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        suffix: Of its files.
        write: Writes a program.
        precisions: That it can hold.
    """

    suffix: str
    write: Callable[[nn.Module, ExportMetadata, Path], None]
    precisions: tuple[str, ...] = ('fp32', 'fp16')


FORMATS = {
    'onnx': Format('.onnx', write_onnx, ('fp32', 'fp16', 'int8')),
    'torchscript': Format('.torchscript', write_torchscript),
    'torch_export': Format('.pt2', write_torch_export),
    'openvino': Format('.xml', write_openvino, ('fp32', 'fp16', 'int8')),
    'tensorrt': Format('.engine', write_tensorrt),
}


@dataclass
class ExportReport:
    """Report on an export.

    Attributes:
        path: File that was written.
        format: Its format.
        metadata: Of the program; None for formats that hold weights only.
        comparisons: With PyTorch, one per dataset.
        metrics: Of ``--check-ap``: ``PyTorch`` and the format -> metrics.
        notes: For the user, one sentence each.
    """

    path: Path
    format: str
    metadata: ExportMetadata | None
    comparisons: list[Comparison]
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def report_path(self) -> Path:
        """Where :meth:`write` puts the report: beside the file."""
        return self.path.with_name(f'{self.path.name}.report.json')

    def write(self) -> None:
        """Writes everything as JSON."""
        about = {} if self.metadata is None else {'version': VERSION, **vars(self.metadata)}
        if not about.get('visibility'):
            about.pop('visibility', None)
        datasets = [dataset.name for dataset in about.pop('datasets', [])]
        content = {
            'file': self.path.name,
            'format': self.format,
            'bytes': num_bytes(self.path),
            **about,
            'datasets': datasets,
            'torch': torch.__version__,
            'differences': self.comparisons,
            'figures': self.metrics,
            'notes': self.notes,
        }
        text = json_tricks.dumps(content, primitives=True, allow_nan=True, indent=2)
        self.report_path.write_text(f'{text}\n')

    def lines(self) -> list[str]:
        """Returns what a user should read."""
        lines = [f'{self.path}: {self.format}, {num_bytes(self.path) / 1e6:.1f} MB']
        lines += [f'note: {note}' for note in self.notes]
        lines += [str(comparison) for comparison in self.comparisons]
        if self.metrics:
            (before, after) = self.metrics.values()
            main = next(iter(before))
            lines.append(
                f'{main}: {100 * before[main]:.2f} before, {100 * after[main]:.2f} after '
                f'({100 * (after[main] - before[main]):+.2f})'
            )
        return [*lines, f'report: {self.report_path}']


def export_model(
    source: Source,
    path: str | Path,
    format: str = 'onnx',
    *,
    decode_in_graph: bool = False,
    precision: str = 'fp32',
    images: str | Path | None = None,
    check_ap: Config | None = None,
) -> ExportReport:
    """Writes a program, runs it, and compares it with PyTorch on the same crops.

    Args:
        source: The models, as ``load_source`` gives them.
        path: File to write; one that is there is replaced.
        format: One of ``FORMATS``.
        decode_in_graph: Whether the program gives keypoints instead of heatmaps.
        precision: ``fp32``, ``fp16`` or ``int8``.
        images: Folder with images of people, on which the program is compared and for int8
            calibrated; None generates people.
        check_ap: Config on whose validation set both are evaluated.

    Raises:
        ValueError: If the format cannot hold the program, or the program differs too much; the
            file is removed then.
        ImportError: If a package is missing.
    """
    metadata = replace(source.metadata, decoded=decode_in_graph, precision=precision)
    path = Path(path)
    _check(metadata, path, format, check_ap)
    report_path = ExportReport(path, format, metadata, []).report_path
    made = writing(*_files_of(path), report_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(path)
    device = 'cuda' if format == 'tensorrt' else 'cpu'
    num = NUM_CALIBRATION if precision == 'int8' else NUM_COMPARED
    crops = load_crops(images, num, metadata.input_size)
    if metadata.num_channels > NUM_COLORS:
        crops = with_condition(crops, metadata.datasets[0].padding)
    try:
        _write(source, metadata, path, format, crops)
        backends = [open_exported(path, device, dataset=x.name) for x in metadata.datasets]
        comparisons = [
            compare(
                model.backend,
                model.head.decoder,
                backend,
                crops[:NUM_COMPARED],
                dataset.name,
                has_maps=not decode_in_graph,
            )
            for model, backend, dataset in zip(
                source.models, backends, metadata.datasets, strict=True
            )
        ]
        require_same(comparisons, precision, path)
    except BaseException:
        remove(path)
        raise
    report = ExportReport(path, format, metadata, comparisons)
    if check_ap is not None:
        reference = source.models[0].backend
        report.metrics = evaluate_backends(check_ap, {'PyTorch': reference, format: backends[0]})
    report.write()
    made.record()
    return report


def require_same(comparisons: Sequence[Comparison], precision: str, path: Path) -> None:
    """Raises a ValueError if a program differs more than one of its precision may."""
    for comparison in comparisons:
        problem = comparison.problem(TOLERANCES[precision])
        if problem:
            raise ValueError(
                f"'{path}' does not compute what the model does ({comparison.dataset}): {problem} "
                f'for {precision}; the file was removed'
            )


def remove(path: Path) -> None:
    """Removes a file or folder of an export, and what lies beside it."""
    if path.is_dir():
        shutil.rmtree(path)
    for file in _files_of(path):
        file.unlink(missing_ok=True)


def _files_of(path: Path) -> list[Path]:
    """Returns the files of an export, of which not every format has all."""
    beside = [sidecar(path), path.with_name(f'{path.name}.data')]
    return [path, *beside, *([path.with_suffix('.bin')] if path.suffix == '.xml' else [])]


def num_bytes(path: Path) -> int:
    """Returns the size of an export, with what lies beside it."""
    files = list(path.rglob('*')) if path.is_dir() else _files_of(path)
    return sum(file.stat().st_size for file in files if file.is_file())


def _check(metadata: ExportMetadata, path: Path, format: str, check_ap: Config | None) -> None:
    if format not in FORMATS:
        raise ValueError(f"format is '{format}', expected one of {', '.join(FORMATS)}")
    chosen = FORMATS[format]
    if path.suffix != chosen.suffix:
        raise ValueError(f"'{path}' should end in {chosen.suffix} for --format {format}")
    if metadata.precision not in chosen.precisions:
        raise ValueError(
            f'--format {format} cannot be {metadata.precision}, only '
            f'{", ".join(chosen.precisions)}; onnx and openvino can'
        )
    if len(metadata.datasets) == 1:
        return
    if check_ap is not None:
        raise ValueError('--check-ap checks one dataset; choose which with --dataset')
    readings = [
        {key: value for key, value in dataset.codec.items() if key not in ('sigma', 'unbiased')}
        | {'decoder': getattr(dataset.build_codec(), 'decoder', None)}
        for dataset in metadata.datasets
    ]
    if (metadata.decoded or metadata.flip_test) and any(x != readings[0] for x in readings):
        kinds = ', '.join(f'{x.name}: {x.codec["type"]}' for x in metadata.datasets)
        flag = '--decode-in-graph' if metadata.decoded else '--flip-test'
        raise ValueError(
            f'the datasets have different codecs ({kinds}), so one program for all cannot '
            f'have {flag}; leave it out or choose one with --dataset'
        )


def _write(
    source: Source, metadata: ExportMetadata, path: Path, format: str, crops: torch.Tensor
) -> None:
    is_half = metadata.precision == 'fp16' and format != 'openvino'
    dtype = torch.float16 if is_half else torch.float32
    models = list(source.models)
    if metadata.precision == 'int8' and format == 'onnx':
        models = [with_int8_layers(model) for model in models]
    if len(models) == 1:
        program = PoseProgram(models[0], metadata.decoded, dtype)
    else:
        program = SwitchedProgram(models, metadata.decoded, dtype)
    if metadata.precision == 'int8':
        write_int8(program.eval(), metadata, path, models[0].data_preprocessor.normalize(crops))
    else:
        FORMATS[format].write(program.eval(), metadata, path)
