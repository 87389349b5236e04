"""Benchmark of end-to-end inference, image and boxes to keypoints, vs Hugging Face and rtmlib."""

from __future__ import annotations

import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.huggingface import build_reference_model, unsupported_reason
from benchmarks.machine import peak_rss_mib
from benchmarks.report import Report, start_report
from benchmarks.timing import interleave, limit_threads
from mmpose.apis.inference import PosePredictor
from mmpose.backends import PoseBackend
from mmpose.checkpoints.adapters.huggingface import to_huggingface
from mmpose.export import export_model, open_exported
from mmpose.export.models import Source, load_source
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import Boxes, Frame

IMAGE_WH = (640, 480)
TORCH, REFERENCE, RTMLIB = 'torch', 'hf', 'rtmlib'
# Backend -> format and precision of the export that it runs.
EXPORTS = {
    'onnx': ('onnx', '.onnx', 'fp32'),
    'int8': ('onnx', '.onnx', 'int8'),
    'openvino': ('openvino', '.xml', 'fp32'),
    'openvino-int8': ('openvino', '.xml', 'int8'),
}
BACKENDS = (TORCH, *EXPORTS, REFERENCE, RTMLIB)
PACKAGES = {
    'onnx': 'onnxruntime',
    'openvino': 'openvino',
    REFERENCE: 'transformers',
    RTMLIB: 'rtmlib',
}

Keypoints = NDArray[np.floating]
# Keypoints (N, K, 2), img px, of boxes (N, 4) xywh, img px, in an image (H, W, 3) uint8 BGR.
Candidate = Callable[[NDArray[np.uint8], NDArray[np.float32]], Keypoints]


def benchmark_inference(
    config: str | Path,
    checkpoint: str | Path | None = None,
    *,
    cfg_options: dict[str, Any] | None = None,
    backends: Sequence[str] = (TORCH, 'onnx', 'int8', REFERENCE),
    batch_sizes: Sequence[int] = (1, 8),
    repeat: int = 10,
    num_threads: int | None = None,
    min_seconds: float = 0.5,
    trust_checkpoint: bool = False,
) -> Report:
    """Measures cropping, normalisation, network and decoding on the CPU, without flip test.

    A batch is one image of 640x480 px with as many boxes. All candidates have the same weights,
    boxes and threads; their runs are interleaved, and every call is timed separately.

    Args:
        config: Config file of a model for one dataset.
        checkpoint: See ``init_model``; None leaves random weights, which take as long.
        cfg_options: Overrides by dotted key.
        backends: Some of ``BACKENDS``; those that are not installed are omitted with a note.
        batch_sizes: Boxes per image.
        repeat: Rounds.
        num_threads: Threads of every candidate; None for PyTorch's choice.
        min_seconds: Minimum duration of a candidate in a round.
        trust_checkpoint: See ``init_model``.

    Returns:
        Persons/s, p50 and p95 of the latency of a call, ratios to Hugging Face, and the distance of
        keypoints to those of our model in PyTorch.
    """
    unknown = [name for name in backends if name not in BACKENDS]
    if unknown:
        raise ValueError(f"--backends has '{unknown[0]}', expected some of {', '.join(BACKENDS)}")
    with limit_threads(num_threads), tempfile.TemporaryDirectory() as folder:
        threads = num_threads or torch.get_num_threads()
        report = start_report(
            'inference', torch.device('cpu'), dict(config=Path(config).stem, repeat=repeat)
        )
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # random weights are intended without a checkpoint
            torch.manual_seed(0)
            source = load_source(
                config,
                checkpoint,
                cfg_options,
                batch_size=None,
                trust_checkpoint=trust_checkpoint,
            )
        if len(source.models) > 1:
            source = Source(
                source.models[:1],
                replace(source.metadata, datasets=source.metadata.datasets[:1]),
            )
        candidates = _build_candidates(source, backends, Path(folder), threads, report)
        for size in batch_sizes:
            _compare(report, candidates, size, repeat, min_seconds)
        if checkpoint is None:
            report.notes.append('random weights, whose keypoints mean nothing')
        else:
            _add_distances(report, candidates)
    report.add('peak memory of the process', 'MiB', peak_rss_mib())
    return report


def _build_candidates(
    source: Source, names: Sequence[str], folder: Path, threads: int, report: Report
) -> dict[str, Candidate]:
    model = source.models[0]
    candidates: dict[str, Candidate] = {TORCH: _of_backend(model.backend)}
    for name in names:
        package = PACKAGES.get(name.split('-')[0].replace('int8', 'onnx'))
        if package is not None and importlib.util.find_spec(package) is None:
            report.notes.append(f'{name} is left out: {package} is not installed')
        elif name in EXPORTS:
            format, suffix, precision = EXPORTS[name]
            path = folder / f'{name}{suffix}'
            export_model(source, path, format, precision=precision)
            candidates[name] = _of_backend(open_exported(path, threads=threads))
        elif name == REFERENCE:
            reason = unsupported_reason(model)
            if reason:
                report.notes.append(f'{name} is left out: {reason}')
            else:
                candidates[name] = _of_transformers(model)
        elif name == RTMLIB:
            path = folder / 'rtmlib.onnx'
            export_model(source, path, 'onnx')
            candidates[name] = _of_rtmlib(path, source, threads)
    return candidates


def _of_backend(backend: PoseBackend) -> Candidate:
    predictor = PosePredictor(backend, batch_size=64)

    def run(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> Keypoints:
        [results] = predictor([Frame(0, image, '')], [Boxes.from_xywh(boxes)])
        return np.stack([result.keypoints for result in results])

    return run


def _of_transformers(model: TopdownPoseEstimator) -> Candidate:
    """Returns the processor, network and post-processing of Hugging Face with our weights."""
    from transformers import VitPoseImageProcessor

    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    reference_model = build_reference_model(model).vitpose  # overwrites our model's weights
    model.load_state_dict(own)
    weights, _ = to_huggingface(own)
    reference_model.load_state_dict(weights)
    width, height = model.head.decoder.input_size
    processor = VitPoseImageProcessor(size={'height': height, 'width': width})

    @torch.inference_mode()
    def run(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> Keypoints:
        inputs = processor(image[..., ::-1].copy(), boxes=[boxes], return_tensors='pt')
        [people] = processor.post_process_pose_estimation(reference_model(**inputs), boxes=[boxes])
        return np.stack([np.asarray(person['keypoints']) for person in people])

    return run


def _of_rtmlib(path: Path, source: Source, threads: int) -> Candidate:
    """Returns rtmlib's ViTPose with the ONNX file that our onnxruntime backend runs as well."""
    import onnxruntime
    import rtmlib

    metadata = source.metadata
    solver = rtmlib.ViTPose(str(path), metadata.input_size, metadata.mean, metadata.std)
    options = onnxruntime.SessionOptions()  # it has no setting for the threads
    options.intra_op_num_threads = threads
    solver.session = onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider']
    )

    def run(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> Keypoints:
        xyxy = boxes.copy()
        xyxy[:, 2:] += xyxy[:, :2]
        keypoints, _ = solver(image, xyxy.tolist())
        return keypoints

    return run


def make_scene(num_boxes: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Returns an image (480, 640, 3) uint8 BGR of soft noise, and boxes (N, 4) xywh, img px.

    The windows of upright crops lie inside the image: at its border Hugging Face and OpenCV
    interpolate differently.
    """
    import cv2

    rng = np.random.default_rng(0)
    width, height = IMAGE_WH
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    image = cv2.resize(coarse, IMAGE_WH, interpolation=cv2.INTER_CUBIC)
    tall = rng.uniform(120, 300, num_boxes)
    box_wh = np.stack([tall * rng.uniform(0.4, 0.7, num_boxes), tall], 1)
    margin = 0.65 * tall[:, None]  # half the side of a window, and some more
    center = margin + rng.uniform(0, 1, (num_boxes, 2)) * (np.array(IMAGE_WH) - 2 * margin)
    return image, np.concatenate([center - box_wh / 2, box_wh], 1).astype(np.float32)


def _compare(
    report: Report,
    candidates: dict[str, Candidate],
    batch_size: int,
    repeat: int,
    min_seconds: float,
) -> None:
    image, boxes = make_scene(batch_size)
    measured = interleave(
        {
            name: _call_timer(lambda run=run: run(image, boxes), min_seconds)
            for name, run in candidates.items()
        },
        repeat,
    )
    case = f'batch {batch_size}'
    speeds = {}
    for name, rounds in measured.items():
        speeds[name] = report.add(
            f'{case}, {name}', 'persons/s', [batch_size * len(x) / sum(x) for x in rounds]
        )
    for name, rounds in measured.items():
        p50, p95 = np.percentile([1000 * x for calls in rounds for x in calls], (50, 95))
        report.add(f'{case}, {name}, p50', 'ms', float(p50))
        report.add(f'{case}, {name}, p95', 'ms', float(p95))
    for name, speed in speeds.items():
        if REFERENCE in speeds and name != REFERENCE:
            report.add_ratio(f'{case}, {name} / {REFERENCE}', speed, speeds[REFERENCE])


def _add_distances(report: Report, candidates: dict[str, Candidate]) -> None:
    image, boxes = make_scene(8)
    wanted = candidates[TORCH](image, boxes)
    for name, run in candidates.items():
        if name != TORCH:
            distances = np.linalg.norm(run(image, boxes) - wanted, axis=-1)
            report.add(f'{name}, median distance to torch', 'px', float(np.median(distances)))


def _call_timer(function: Callable[[], object], min_seconds: float) -> Callable[[], list[float]]:
    """Returns a function that calls another repeatedly and returns the seconds of each call."""

    def measure() -> list[float]:
        seconds: list[float] = []
        while not seconds or sum(seconds) < min_seconds:
            begin = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - begin)
        return seconds

    return measure
