"""Pose inferencer for images, folders, videos, cameras and streams."""

from __future__ import annotations

import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mmpose.apis.inference.pipelined import run_pipelined
from mmpose.apis.inference.predictor import PosePredictor
from mmpose.apis.inference.sequence import FrameJob, FrameResult, SequenceEstimator
from mmpose.apis.inference.sources import Input, Source, open_sources
from mmpose.backends import (
    PoseBackend,
    TorchBackend,
    category_heads,
    load_backend,
    pick_device,
)
from mmpose.backends.model_names import HUB_PREFIX
from mmpose.checkpoints.download import download_once
from mmpose.detectors import Detector, build_detector, choose_categories, choose_detector
from mmpose.models import TopdownPoseEstimator
from mmpose.structures import DatasetMeta, Frame, PoseResult, per_dataset
from mmpose.tracking import KeypointSmoother, PoseTracker, fill_gaps

PARTS = ('read', 'detect', 'pose')
MAX_CHUNK_PIXELS = 24_000_000  # of the frames that are worked on together; 72 MB of pixels

Model = str | Path | PoseBackend | TopdownPoseEstimator
Results = Generator[FrameResult, None, None]
AnyDetector = str | Path | Detector | Callable[[Sequence[Frame]], Any] | None


class PoseInferencer:
    """Yields the poses of every frame of its inputs.

    Frames are read, instances detected and poses estimated at the same time, in threads with short
    queues between, so a video takes as long as its slowest part. Instances of all frames that are
    processed together share batches.

    Args:
        model: A name such as ``vitpose-b`` (see ``find_model``), a config file, a work dir of a
            training, an exported file, a model of ``init_model``, or a ``PoseBackend``.
        checkpoint: Weights for a name or a config, path or address. With the other options of
            ``init_model`` it is refused beside a model object, which has them already.
        detector: See ``build_detector``; None is a detector of torchvision, or the whole image,
            with a warning, if none of its classes has the skeleton.
        device: Such as ``cuda:1``; None takes a GPU where there is one.
        dataset: Which head of a model of several datasets. None is the first, and of a model with
            a head per category the one of the category of each box.
        dtype: ``float32``, ``bfloat16`` or ``float16``; see ``init_model``.
        compile_model, cuda_graphs, flip_test, input_size: See ``init_model``.
        batch_size: Instances, and frames, at a time.
        categories: See ``build_detector``; None follows the skeleton: people, animals, hands.
        bbox_threshold: Boxes with a lower score are dropped.
        nms_threshold: See ``build_detector``.
        max_instances: Boxes of a frame at most, those with the highest scores.
        refine: See ``SequenceEstimator``; each time takes as long as the first.
        det_every: Frames of a video from one detection to the next. In between, boxes come from
            the poses of the frame before, which makes these frames wait for each other.
        tracking: Whether instances of a video get a ``track_id``.
        tracking_threshold: ``min_similarity`` of ``PoseTracker``.
        oks_weight: See ``PoseTracker``.
        smoothing: Whether keypoints of a video are smoothed over time; needs tracking.
        max_gap: Longest gap of a missing instance that is interpolated, frames; needs tracking, and
            delays frames for as long.
        with_heatmaps: Whether poses keep their heatmaps and crop window.
        trust_checkpoint: Whether the checkpoint may run code when it is read.

    Attributes:
        dataset_meta: Skeleton of the poses; of a model with a head per category the first one.
        heads: Name and skeleton of each head of such a model; empty for any other.
        problems: Errors of the current or last call that did not end it.
        busy_s: Seconds for which each part has worked in the current or last call, on its own
            thread: ``read``, ``detect`` and ``pose``.

    Raises:
        FileNotFoundError: If a file is missing.
        ImportError: If the detector or format needs a package that is not installed.
        ValueError: If there is no such model or detector, or options contradict each other.
    """

    def __init__(
        self,
        model: Model = 'vitpose-b',
        checkpoint: str | Path | None = None,
        *,
        detector: AnyDetector = None,
        device: str | torch.device | None = None,
        dataset: str | None = None,
        dtype: str | None = None,
        compile_model: bool = False,
        cuda_graphs: bool = False,
        flip_test: bool | None = None,
        input_size: tuple[int, int] | None = None,
        batch_size: int = 32,
        categories: Sequence[str | int] | None = None,
        bbox_threshold: float = 0.3,
        nms_threshold: float | None = 0.65,
        max_instances: int | None = None,
        refine: int = 0,
        det_every: int = 1,
        tracking: bool = True,
        tracking_threshold: float = 0.2,
        oks_weight: float | None = None,
        smoothing: bool = False,
        max_gap: int = 0,
        with_heatmaps: bool = False,
        trust_checkpoint: bool = False,
    ) -> None:
        _check_least(
            batch_size=(batch_size, 1),
            det_every=(det_every, 1),
            max_instances=(max_instances or 1, 1),
            refine=(refine, 0),
        )
        if not tracking and (smoothing or max_gap):
            raise ValueError(
                'smoothing and max_gap follow instances by their numbers; set tracking'
            )
        where = pick_device(None if device is None else str(device))
        options = {
            'dataset': dataset,
            'dtype': dtype,
            'compile_model': compile_model,
            'cuda_graphs': cuda_graphs,
            'flip_test': flip_test,
            'input_size': input_size,
            'trust_checkpoint': trust_checkpoint,
        }
        if isinstance(model, (str, Path)):
            load = partial(load_backend, model, checkpoint, where, **options)
            backend: PoseBackend = load()
            heads = category_heads(backend, load) if dataset is None else []
        else:
            options['checkpoint'] = checkpoint
            backend, heads = _backend_of(model, options, None if device is None else where), []
        self.dataset_meta: DatasetMeta = backend.dataset_meta
        self.heads = tuple((head.name, head.backend.dataset_meta) for head in heads)
        if heads:
            known = {name: number for head in heads for name, number in head.categories.items()}
            categories = choose_categories(detector, categories, known)
        detector, categories, note = choose_detector(detector, categories, self.dataset_meta)
        if note:
            warnings.warn(note, stacklevel=2)
        self.detector = build_detector(
            detector, str(where), bbox_threshold, nms_threshold, categories
        )
        self._searched = detector, categories, bbox_threshold
        crop_device = where if where.type == 'cuda' else None
        self.predictor = PosePredictor(backend, batch_size, with_heatmaps, crop_device, heads)
        self.max_instances, self.refine = max_instances, refine
        self.det_every = det_every
        self._tracking = oks_weight, tracking_threshold
        self.tracking = tracking
        if tracking:
            self._new_trackers()  # raises now if its options are wrong
        self.smoothing = smoothing
        self.max_gap = max_gap
        self.problems: list[str] = []
        self.busy_s = dict.fromkeys(PARTS, 0.0)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, revision: str | None = None, token: str | None = None, **options: Any
    ) -> PoseInferencer:
        """Returns an inferencer of a model of the Hugging Face hub, or of ``save_pretrained``.

        Args:
            name: ``organisation/name``, or a folder.
            revision: Branch, tag or commit of the hub; None is its main branch.
            token: Of the hub; None takes that of ``HF_TOKEN`` or ``hf auth login``.
            options: Arguments of the class.

        Raises:
            ValueError: If there is no such model, or a folder is asked for with a revision.
        """
        text = str(name).removeprefix(HUB_PREFIX)
        if not Path(text).is_dir():
            text = HUB_PREFIX + text + (f'@{revision}' if revision else '')
            if token is not None:
                download_once(text, token)  # what is in the cache needs no token
        elif revision or token:
            raise ValueError(f"'{name}' is a folder here, which has no revision and no token")
        return cls(text, **options)

    def save_pretrained(self, folder: str | Path, **card: Any) -> Path:
        """Writes the model to a folder; see ``PoseEstimator.save_pretrained``."""
        return self._network().save_pretrained(folder, **card)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Uploads the model to the Hugging Face hub; see ``PoseEstimator.push_to_hub``."""
        return self._network().push_to_hub(repo_id, **options)

    def _network(self) -> TopdownPoseEstimator:
        model = getattr(self.predictor.backend, 'model', None)
        if not isinstance(model, TopdownPoseEstimator):
            raise ValueError(
                'an exported model is one file, to be copied; save the model that it comes from'
            )
        return model

    @property
    def hint(self) -> str:
        """What to change where not one instance is found."""
        detector, categories, threshold = self._searched
        return (
            f'no instance was found by detector {detector or "torchvision"}, which looked for '
            f'{", ".join(map(str, categories))} with a score of at least {threshold:g}; give '
            '--det (whole-image, a file of boxes, another detector), --det-cat or a lower '
            '--bbox-thr'
        )

    def __call__(self, inputs: Input | Source | Iterable[Input]) -> Results:
        """Yields the result of every frame, in order.

        Threads run from the first result on until the iterator ends or is closed.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If an input cannot be read.
            ConnectionError: If a camera or stream is away, or does not come back.
        """
        self.problems = []
        self.busy_s = dict.fromkeys(PARTS, 0.0)
        for source in open_sources(inputs):
            with closing(self._run(source)) as results:
                yield from results
            self.problems += source.problems

    def _run(self, source: Source) -> Results:
        is_video = source.fps is not None
        trackers = self._new_trackers() if self.tracking and is_video else []
        estimator = SequenceEstimator(
            self.detector,
            self.predictor,
            det_every=self.det_every if is_video else 1,
            trackers=trackers,
            max_instances=self.max_instances,
            refine=self.refine,
        )
        chunks = _chunks(source, 1 if source.is_live else self.predictor.batch_size)
        busy_s: list[float] = []
        running = run_pipelined(chunks, estimator.detect, estimator.estimate, busy_s=busy_s)
        results = self._results(running)
        if trackers and self.smoothing:
            results = _smoothed(results)
        if trackers and self.max_gap:
            results = _with_gaps_filled(results, self.max_gap)
        try:
            with closing(results):
                yield from results
        finally:
            for name, seconds in zip(PARTS, busy_s, strict=False):
                self.busy_s[name] += seconds
        self.problems += estimator.problems

    def _new_trackers(self) -> list[PoseTracker]:
        metas = [meta for _, meta in self.heads] or [self.dataset_meta]
        return [PoseTracker(meta, *self._tracking) for meta in metas]

    def _results(self, chunks: Generator[list[FrameJob], None, None]) -> Results:
        with closing(chunks):
            for chunk in chunks:
                for job in chunk:
                    yield FrameResult(
                        job.frame, job.poses, self.dataset_meta, job.problem, self.heads
                    )


def _check_least(**values: tuple[int, int]) -> None:
    for name, (value, lowest) in values.items():
        if value < lowest:
            raise ValueError(f'{name} is {value}, expected {lowest} or more')


def _backend_of(model: Any, options: Mapping[str, Any], device: torch.device | None) -> PoseBackend:
    """Returns the backend of a model object, beside which no option of loading is ignored.

    Raises:
        TypeError: If it is no model.
        ValueError: If an option is given, or the model is on another device.
    """
    is_estimator = isinstance(model, TopdownPoseEstimator)
    if not is_estimator and not hasattr(model, 'predict'):
        raise TypeError(
            f'the model is a {type(model).__name__}, expected a name, a path, what init_model '
            'returns, or a PoseBackend'
        )
    off = {'compile_model': False, 'cuda_graphs': False, 'trust_checkpoint': False}
    asked = [name for name, value in options.items() if value is not off.get(name)]
    if asked:
        raise ValueError(
            f'{", ".join(asked)} of a model object is settled already; give it to init_model, or '
            'give PoseInferencer the config instead of the model'
        )
    backend = (getattr(model, 'backend', None) or TorchBackend(model)) if is_estimator else model
    own = getattr(backend, 'device', None)
    if device is not None and own is not None and device.type != torch.device(own).type:
        raise ValueError(
            f"device is '{device}', but the model is on '{own}'; move it there, or load it there "
            'with init_model'
        )
    return backend


def _chunks(source: Source, max_frames: int) -> Generator[list[FrameJob], None, None]:
    """Yields the frames of a source in chunks that are processed together."""
    chunk: list[FrameJob] = []
    num_pixels = 0
    with closing(iter(source)) as frames:
        for frame, problem in frames:
            chunk.append(FrameJob(frame, problem))
            num_pixels += frame.image_wh[0] * frame.image_wh[1]
            if len(chunk) >= max_frames or num_pixels >= MAX_CHUNK_PIXELS:
                yield chunk
                chunk, num_pixels = [], 0
    if chunk:
        yield chunk


def _smoothed(results: Results) -> Results:
    smoothers: defaultdict[int, KeypointSmoother] = defaultdict(KeypointSmoother)  # per head

    def smooth(time_s: float, number: int, poses: list[PoseResult]) -> list[PoseResult]:
        return smoothers[number](poses, time_s)

    with closing(results):
        for result in results:
            own = partial(smooth, result.frame.time_s)
            yield replace(result, poses=per_dataset(result.poses, own))


def _with_gaps_filled(results: Results, max_gap: int) -> Results:
    waiting: deque[FrameResult] = deque()

    def poses() -> Iterator[list[Any]]:
        for result in results:
            waiting.append(result)
            yield result.poses

    with closing(results):
        for filled in fill_gaps(poses(), max_gap):
            yield replace(waiting.popleft(), poses=filled)
