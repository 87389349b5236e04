"""Sigmas of keypoints from repeated labels: how far annotators of the same instances differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.keypoint_arrays import KeypointGroundTruth
from mmpose.coco.reader import AnnotationReader
from mmpose.metainfo import load_metainfo
from mmpose.metainfo.info_dict import meta_table
from mmpose.structures import DatasetMeta
from mmpose.structures.boxes import box_iou_xywh
from mmpose.structures.output_files import writing

MIN_IOU = 0.5  # of the boxes of two annotators around one instance
FILE_NAME = 'file_name'
Floats = NDArray[np.float64]
Labels = list[tuple[KeypointGroundTruth, int]]  # of one instance: file, and row in it


@dataclass(frozen=True)
class SigmaEstimate:
    """Estimated sigmas of K keypoints.

    Attributes:
        dataset_meta: The skeleton with the new sigmas.
        num_repeats: (K,) int64. Labels beyond the first one of an instance, mirror partners
            together.
        num_instances: Instances that were found in more than one file.
        kept: Names of the keypoints that keep their sigma, for want of repeated labels.
    """

    dataset_meta: DatasetMeta
    num_repeats: NDArray[np.int64]
    num_instances: int
    kept: tuple[str, ...]

    def lines(self) -> list[str]:
        """Returns what a user should read."""
        meta = self.dataset_meta
        width = max(map(len, meta.keypoint_names))
        assert meta.sigmas is not None
        rows = zip(meta.keypoint_names, meta.sigmas.tolist(), self.num_repeats, strict=True)
        lines = [f'{self.num_instances} instances were labelled more than once']
        lines += [f'{name:<{width}}  sigma {s:.4f}  {n} repeated labels' for name, s, n in rows]
        note = 'too few repeated labels, so that the sigma stays: '
        return lines + ([note + ', '.join(self.kept)] if self.kept else [])


def estimate_sigmas(files: Sequence[str | Path], metainfo: str | Path) -> SigmaEstimate:
    """Estimates sigmas as COCO defines them: sigma^2 = E[d^2 / s^2], s^2 the area of the object.

    Cocodataset.org, "Keypoint evaluation", and Ruggero Ronchi and Perona, "Benchmarking and error
    diagnosis in multi-instance pose estimation", 2017. ``d`` is the distance of a label from the
    true place, which nobody knows. Around the mean of n labels the sum of d^2 is n - 1 times its
    expectation, so that sigma^2 is the sum over all instances of ``|label - mean|^2 / s^2``, over
    the sum of n - 1; for two labels that is half their squared distance. Mirror partners share a
    value, as COCO's do.

    Args:
        files: Annotation files in COCO's layout, one of each annotator, of the same images. Those
            are matched by file name, instances by their boxes (IoU of at least 0.5).
        metainfo: Skeleton, by name or table.

    Raises:
        ValueError: If nothing is labelled twice, or all labels are equal.
    """
    meta = load_metainfo(metainfo)
    sources = [
        AnnotationReader(path, meta.num_keypoints, meta, purpose='evaluation').read(
            image_extras=(FILE_NAME,)
        )
        for path in files
    ]
    spread, repeats, count = np.zeros(meta.num_keypoints), np.zeros(meta.num_keypoints, np.int64), 0
    for labels in _same_instances(sources):
        points = np.stack([source.keypoints[row] for source, row in labels])  # (n, K, 2)
        seen = np.stack([source.keypoints_visible[row] for source, row in labels])  # (n, K)
        area = np.mean([source.area[row] for source, row in labels])
        number = seen.sum(axis=0)
        mean = (points * seen[..., None]).sum(axis=0) / np.maximum(number, 1)[:, None]
        squares = (((points - mean) ** 2).sum(axis=-1) * seen).sum(axis=0)
        spread += squares / area
        repeats += np.maximum(number - 1, 0)
        count += 1
    if not repeats.any() or not spread.any():
        found = f'{count} instances of {len(files)} files were found more than once, and '
        found += 'all their labels are equal' if repeats.any() else 'no keypoint is labelled twice'
        raise ValueError(
            f'{found}; give files in which several people have labelled the same images'
        )
    partners = meta.flip_indices
    spread, repeats = (
        x + np.where(partners == np.arange(len(x)), 0, x[partners]) for x in (spread, repeats)
    )
    known = (repeats > 0) & (spread > 0)
    if meta.sigmas is None and not known.all():
        missing = ', '.join(np.array(meta.keypoint_names)[~known])
        raise ValueError(
            f"no label of {missing} is repeated, and '{meta.name}' has no sigmas to keep; give "
            'more files or a table with sigmas'
        )
    old = np.ones(len(known)) if meta.sigmas is None else meta.sigmas
    sigmas = np.where(known, np.sqrt(spread / np.maximum(repeats, 1)), old)
    rounded = np.array([float(f'{value:.3g}') for value in sigmas], np.float32)
    kept = tuple(np.array(meta.keypoint_names)[~known].tolist())
    return SigmaEstimate(replace(meta, sigmas=rounded), repeats, count, kept)


def write_sigmas(estimate: SigmaEstimate, out: str | Path, files: Sequence[str | Path]) -> None:
    """Writes the skeleton table with the new sigmas.

    Raises:
        FileExistsError: If ``out`` is an input or the user's own.
        ValueError: If it has no ``.csv`` name.
    """
    path = Path(out)
    if path.suffix.lower() != '.csv':
        raise ValueError(f"--out is '{out}', but a skeleton table is a .csv file")
    names = ', '.join(Path(file).name for file in files)
    comment = f'# Sigmas estimated from {estimate.num_instances} instances in {names}.\n'
    with writing(path, inputs=files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            meta_table(replace(estimate.dataset_meta, name=path.stem), comment), encoding='utf-8'
        )


def _same_instances(sources: Sequence[KeypointGroundTruth]) -> Iterator[Labels]:
    """Yields the labels of each instance that is in more than one file."""
    groups: dict[str, list[Labels]] = {}
    for source in sources:
        names = dict(zip(source.image_ids.tolist(), source.image_extras[FILE_NAME], strict=True))
        rows_of: dict[str, list[int]] = {}
        usable = ~source.iscrowd & source.keypoints_visible.any(axis=1) & (source.area > 0)
        for row in np.flatnonzero(usable).tolist():
            rows_of.setdefault(names[source.image_id[row].item()], []).append(row)
        for name, rows in rows_of.items():
            known = groups.setdefault(name, [])
            place_of = _match(source, rows, known)
            for row in rows:
                if row in place_of:
                    known[place_of[row]].append((source, row))
                else:
                    known.append([(source, row)])
    for known in groups.values():
        yield from (labels for labels in known if len(labels) > 1)


def _match(source: KeypointGroundTruth, rows: list[int], known: list[Labels]) -> dict[int, int]:
    """Returns the place of the known instance whose box overlaps most, for rows that have one."""
    found: dict[int, int] = {}
    if known:
        firsts = np.stack([labels[0][0].bbox_xywh[labels[0][1]] for labels in known])
        iou = box_iou_xywh(source.bbox_xywh[rows][:, None], firsts)  # (rows, known)
        while iou.max() >= MIN_IOU:
            i, place = np.unravel_index(int(iou.argmax()), iou.shape)
            found[rows[int(i)]] = int(place)
            iou[i], iou[:, place] = 0, 0
    return found
