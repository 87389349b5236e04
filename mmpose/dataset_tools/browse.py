"""Dataset browser: pictures of annotations, augmented crops and target heatmaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mmpose.codecs import Codec
from mmpose.datasets import CocoDataset, KeypointDataset, SampleIndex
from mmpose.datasets.sample import Sample
from mmpose.datasets.transforms.condition import shaded
from mmpose.datasets.transforms.loading import image_loader
from mmpose.registry import CODECS, DATASETS
from mmpose.structures.output_files import OutputFiles
from mmpose.structures.progress import track
from mmpose.visualization import Viewport, draw_pose, make_grid, overlay_heatmaps

TILE_HEIGHT = 384
PAD = 6
# The whole image takes as much room as this many crops at most.
IMAGE_WIDTH_IN_CROPS = 2.5
# The close-up shows so much on each side of the box, in longer sides of it.
BOX_MARGIN = 0.25

Config = Mapping[str, Any]
Image = NDArray[np.uint8]


def browse_dataset(
    cfg: Config, out: str | Path, split: str = 'train', num: int = 16, views: int = 4, seed: int = 0
) -> list[Path]:
    """Draws random samples of a config, one picture each.

    A picture shows the annotated image and its part around the box, and for every view the crop
    with the keypoints and the target heatmaps over it.

    Args:
        out: Folder of the pictures.
        split: train, val or test. Where it tests on the boxes of a detector, the annotated ones
            are shown.
        num: Number of samples, spread evenly over the parts of a mixture of datasets.
        views: Number of visits to each sample; they differ where the pipeline augments.
        seed: Seed of the choice and of the augmentation.

    Raises:
        ValueError: If the config has no such split or no head, or a number is not positive.
    """
    loader = cfg.get(f'{split}_dataloader')
    if loader is None:
        raise ValueError(f'the config has no {split}_dataloader; take one of train, val, test')
    if num < 1 or views < 1:
        raise ValueError(f'num is {num} and views is {views}, expected at least 1')
    folder = Path(out)
    parts = list(dataset_parts(split, loader['dataset']))
    codecs = _build_codecs(cfg, len(parts))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    files = OutputFiles()
    for i, ((name, part), codec) in enumerate(zip(parts, codecs, strict=True)):
        dataset = build_annotated(part)
        count = min(num // len(parts) + (i < num % len(parts)), len(dataset))
        rows = np.random.default_rng((seed, i)).choice(len(dataset), count, replace=False)
        for row in track(sorted(rows.tolist()), name):
            path = folder / f'{name}_{row:06d}.png'
            cv2.imwrite(str(files.claim(path)), draw_views(dataset, row, codec, views, seed))
            paths.append(path)
    files.record()
    return paths


def _build_codecs(cfg: Config, num: int) -> list[Codec | None]:
    """Returns the codec of the head of each dataset; None for a head without heatmaps."""
    model = cfg.get('model', {})
    heads = model.get('heads', [model.get('head', {})] * num)
    if len(heads) != num or not all('decoder' in head or 'type' in head for head in heads):
        raise ValueError(
            'the config has no model.head.decoder, or no decoder in each of model.heads, for its '
            f'{num} dataset(s); it draws the target heatmaps'
        )
    return [CODECS.build(dict(head['decoder'])) if 'decoder' in head else None for head in heads]


def dataset_parts(name: str, dataset: Config | None) -> Iterator[tuple[str, Config]]:
    """Yields the datasets of a loader by name: one, or those of a mixture one after the other."""
    if dataset is None:
        return
    if 'datasets' not in dataset:
        yield name, dataset
        return
    for i, part in enumerate(dataset['datasets']):
        yield from dataset_parts(f'{name}.{i}', part)


def build_annotated(dataset: Config) -> KeypointDataset:
    """Builds a dataset with its keypoints, also one that is meant for tests."""
    options = {**dataset, 'test_mode': False}
    if issubclass(DATASETS.get(dataset['type']), CocoDataset):
        options |= {'bbox_file': None, 'bbox_score_thr': 0.0}
    return DATASETS.build(options)


def draw_views(
    dataset: KeypointDataset, row: int, codec: Codec | None, views: int, seed: int
) -> Image:
    """Returns the picture of one sample (H, W, 3), uint8 BGR.

    Args:
        dataset: With its pipeline.
        codec: Draws the target heatmaps; None shows the crops alone.
        views: Number of visits.
        seed: Seed of the augmentation.
    """
    samples = [dataset[SampleIndex(row, epoch=epoch, seed=seed)] for epoch in range(views)]
    crops = [_draw_sample(_view(shaded(sample['image'])), sample) for sample in samples]
    grids = [make_grid(crops, views, PAD, titles=[f'view {i + 1}' for i in range(views)])]
    if codec is not None:
        targets, titles = zip(*(_draw_targets(sample, codec) for sample in samples), strict=True)
        grids.append(make_grid(targets, views, PAD, titles=titles))
    images, names = _draw_annotation(dataset, row, crops[0].shape[1])
    image_grid = [
        make_grid([image], 1, PAD, titles=[name], tile_hw=(TILE_HEIGHT, images[0].shape[1]))
        for image, name in zip(images, names, strict=True)
    ]
    left, right = np.concatenate(image_grid[: len(grids)]), np.concatenate(grids)
    return np.concatenate([left, right], axis=1)


def _draw_annotation(
    dataset: KeypointDataset, row: int, crop_width: int
) -> tuple[list[Image], list[str]]:
    """Returns the annotated image before any augmentation, and what is around the box of it.

    Returns:
        Two pictures of the same width or less, and their titles.
    """
    sample = dataset.get_sample(row)
    image, box = image_loader(dataset)(dict(sample))['image'], sample['bbox_xywh']
    whole = _view(image, most_width=round(IMAGE_WIDTH_IN_CROPS * crop_width))
    margin, width = BOX_MARGIN * box[2:].max(), whole.image_bgr.shape[1]
    around = _view(image, box, most_width=width, margin=float(margin))
    pictures = [_draw_sample(view, sample, bbox_xywh=view.box(box)) for view in (whole, around)]
    title = f'{Path(sample["image_file"]).name}, annotation {sample["ann_id"]}'
    return pictures, [title, 'around the box']


def _view(image: Image, boxes: ArrayLike = (), most_width: float = inf, **options: Any) -> Viewport:
    return Viewport.around(image, boxes, TILE_HEIGHT, most_width, most_scale=inf, **options)


def _draw_sample(view: Viewport, sample: Sample, bbox_xywh: ArrayLike | None = None) -> Image:
    points, visible = view.points(sample['keypoints']), sample['keypoints_visible']
    return draw_pose(view.image_bgr, points, visible, sample['dataset_meta'], bbox_xywh=bbox_xywh)


def _draw_targets(sample: Sample, codec: Codec) -> tuple[Image, str]:
    """Returns a crop under its target heatmaps, and how many keypoints have one."""
    image, visible = shaded(sample['image']), sample['keypoints_visible']
    heatmaps, weights = codec.encode(
        torch.as_tensor(sample['keypoints'])[None], torch.as_tensor(visible)[None]
    )
    without_offsets = heatmaps[0, :: codec.num_channels(1)].numpy()  # (K, H, W)
    heated = overlay_heatmaps(image, without_offsets, use_udp=codec.use_udp)
    title = f'target: {(weights > 0).sum()} of {(visible > 0).sum()} keypoints'
    return _view(heated).image_bgr, title
