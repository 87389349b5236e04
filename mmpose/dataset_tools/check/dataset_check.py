"""Dataset check of a config: its annotations, images, splits and skeletons."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

from mmpose.coco.instance_layout import InstanceLayout
from mmpose.dataset_tools.browse import dataset_parts
from mmpose.dataset_tools.check.coco_layout import read_coco_split
from mmpose.dataset_tools.check.copies import Facts, check_copies_within, check_leak
from mmpose.dataset_tools.check.geometry import check_geometry
from mmpose.dataset_tools.check.images import check_images
from mmpose.dataset_tools.check.issues import IssueLog
from mmpose.dataset_tools.check.page import write_page
from mmpose.dataset_tools.check.skeleton import check_sides, check_skeleton
from mmpose.dataset_tools.check.split import Split
from mmpose.dataset_tools.check.statistics import Statistics, gather_statistics
from mmpose.datasets import CocoDataset, KeypointDataset
from mmpose.datasets.base import image_prefix, stored_folder
from mmpose.datasets.transforms.loading import image_loader
from mmpose.engine.training_length import TrainingLength
from mmpose.evaluation.metrics.metric_info import metric_class
from mmpose.metainfo import load_metainfo
from mmpose.registry import DATASETS
from mmpose.structures.output_files import writing

PHASES = ('train', 'val', 'test')
ISSUES_FILE, PAGE_FILE = 'issues.json', 'report.html'
Config = Mapping[str, Any]


@dataclass
class CheckReport:
    """Result of a dataset check.

    Attributes:
        log: All issues.
        splits: What was read.
        statistics: Counts, one entry per split.
        length: Length of the training, in words; '' of a mixture.
    """

    log: IssueLog
    splits: list[Split]
    statistics: list[Statistics]
    length: str = ''

    @property
    def status(self) -> str:
        """OK, WARNINGS or DO NOT TRAIN."""
        return self.log.status

    def text(self) -> str:
        """Returns the issues, the share that was checked, and the status, for a terminal."""
        lines = [text] if (text := self.log.text()) else []
        for part in self.statistics:
            samples = 'no dataset' if part.num_samples is None else f'{part.num_samples} samples'
            share = part.num_checked / max(part.num_images, 1)
            lines.append(
                f'{part.split}: {part.num_instances} of {part.num_annotations} annotations are in '
                f'order ({samples}); {part.num_checked} of {part.num_images} images decoded '
                f'({share:.1%})'
            )
        if not any(part.num_checked for part in self.statistics):
            lines.append('no image was checked, nor whether splits share any')
        if self.length:
            lines.append(f'training: {self.length}')
        return '\n'.join([*lines, self.status])

    def write(self, folder: str | Path, title: str) -> Path:
        """Writes ``issues.json`` and ``report.html`` into a folder; returns the page."""
        folder = Path(folder)
        with writing(folder / ISSUES_FILE, folder / PAGE_FILE):
            folder.mkdir(parents=True, exist_ok=True)
            about = {'statistics': [asdict(part) for part in self.statistics]}
            self.log.write(folder / ISSUES_FILE, about)
            return write_page(folder / PAGE_FILE, title, self.log, self.splits, self.statistics)


def check_dataset(cfg: Config, with_images: bool = True, workers: int | None = None) -> CheckReport:
    """Reads the whole train, val and test datasets of a config and finds what is wrong in them.

    Nothing stops at the first fault. Files in COCO's layout are read as they are; those of other
    dataset classes through the class itself, whose first complaint is then the only one.

    Args:
        with_images: Whether to decode the images, which takes most of the time.
        workers: Threads that decode; one per core, at most 16, by default.
    """
    log = IssueLog()
    workers = workers or min(os.cpu_count() or 1, 16)
    splits, statistics, decoded = [], [], []
    skeletons: set[str] = set()
    for name, dataset in _dataset_configs(cfg):
        split, num_samples = _read_split(name, dataset, log)
        if split.dataset_meta.name not in skeletons:
            skeletons.add(split.dataset_meta.name)
            check_skeleton(split.dataset_meta, log, _needs_sigmas(cfg))
        check_geometry(split, *_crop_options(dataset))
        sides = check_sides(split)
        decoded.append(_decode_images(split, workers) if with_images else {})
        splits.append(split)
        statistics.append(gather_statistics(split, len(decoded[-1]), num_samples, sides))
    pairs = product(zip(splits, decoded, strict=True), repeat=2)
    for (train, train_facts), (other, other_facts) in pairs:
        if train.name.startswith('train') and not other.name.startswith('train'):
            check_leak(train, train_facts, other, other_facts)
    num = next((part.num_samples for part in statistics if part.split == 'train'), None)
    has_length = 'train_cfg' in cfg and num is not None
    length = str(TrainingLength.from_config(cfg, num)) if has_length else ''
    return CheckReport(log, splits, statistics, length)


def _dataset_configs(cfg: Config) -> Iterator[tuple[str, Config]]:
    """Yields the name and config of every dataset, without repetitions of the same files."""
    seen = set()
    for phase in PHASES:
        dataset = (cfg.get(f'{phase}_dataloader') or {}).get('dataset')
        for name, part in dataset_parts(phase, dataset):
            files = (part.get('data_root'), part.get('ann_file'), _image_prefix(part))
            if phase != 'test' or files not in seen:
                yield name, part
            seen.add(files)


def _image_prefix(dataset: Config) -> str:
    return image_prefix(dataset.get('data_prefix'), dataset.get('img_prefix'))


def _needs_sigmas(cfg: Config) -> bool:
    evaluators = [cfg.get(f'{phase}_evaluator') or [] for phase in ('val', 'test')]
    lists = [[part] if isinstance(part, Mapping) else part for part in evaluators]
    metrics = [metric_class(config) for part in lists for config in part]
    return not metrics or any(kind is not None and kind.needs_sigmas for kind in metrics)


def _read_split(name: str, dataset: Config, log: IssueLog) -> tuple[Split, int | None]:
    root = Path(dataset.get('data_root', '')).expanduser()
    prefix, loader = _image_prefix(dataset), image_loader(dataset)
    kind = DATASETS.get(dataset['type'])
    split = Split(
        name=name,
        ann_file=Path(os.path.abspath(root / dataset['ann_file'])),
        image_folder=stored_folder(dataset.get('data_root', ''), prefix, loader)
        or os.path.abspath(root / prefix),
        dataset_meta=load_metainfo(dataset.get('metainfo') or kind.default_metainfo),
        log=log,
        loader=loader,
    )
    is_coco = issubclass(kind, CocoDataset)
    if is_coco:
        names = {field.name for field in fields(InstanceLayout)} & set(dataset)
        layout = InstanceLayout(**{name: dataset[name] for name in names})
        split.from_reader = layout.makes_windows
        read_coco_split(split, kind.parts, layout)
    built = _build(split, dataset)
    if built is not None and not is_coco:
        whole = _build(split, {**dataset, 'test_mode': False})
        _take_from_reader(split, whole or built)
    return split, None if built is None else len(built)


def _build(split: Split, dataset: Config) -> KeypointDataset | None:
    """Builds the dataset of the config without its pipeline, as training would."""
    try:
        with warnings.catch_warnings():  # what they say is found and counted here anyway
            warnings.simplefilter('ignore')
            loading = {'type': 'LoadImage', 'backend_args': split.loader.backend_args}
            return DATASETS.build({**dataset, 'pipeline': [loading]})
    except (ValueError, TypeError, KeyError, OSError) as error:
        found = f'{type(error).__name__}: {error}'
        split.report('reader_refuses', '', found, 'a dataset to train on')
        return None


def _take_from_reader(split: Split, dataset: KeypointDataset) -> None:
    split.from_reader = True
    split.image_folder = dataset.image_folder
    split.dataset_meta = dataset.dataset_meta
    split.num_annotations = len(dataset.store)
    if dataset.store.num_keypoints == split.dataset_meta.num_keypoints:
        split.store = dataset.store


def _crop_options(dataset: Config) -> tuple[float, tuple[int, int] | None]:
    steps = {step['type']: step for step in dataset.get('pipeline', []) if 'type' in step}
    crop = steps.get('TopdownAffine', {})
    return (
        steps.get('GetBBoxCenterScale', {}).get('padding', 1.25),
        crop.get('input_size') if crop.get('fix_aspect', True) else None,
    )


def _decode_images(split: Split, workers: int) -> Facts:
    if split.loader.is_local(split.image_folder) and not os.path.isdir(split.image_folder):
        found, expected = 'no such folder', f'a folder with {len(split.store.image_ids)} images'
        split.report('missing_image', '', found, expected, file=split.image_folder)
        return {}
    decoded = check_images(split, workers)
    check_copies_within(split, decoded)
    return decoded
