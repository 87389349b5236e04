"""Masks of instances as small grids in their boxes, from the segmentations of a COCO-like file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_stream import stream_batches

SIDE = 32  # cells of a grid along the width and the height of its box; detectors have 28
FINE = 4 * SIDE  # samples along a side, of which those in a cell decide by majority


def read_masks(
    path: Path, ann_ids: NDArray[np.int64], bbox_xywh: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Returns the masks (N, SIDE * SIDE / 8) of instances, a bit per cell; see ``unpack_masks``.

    A grid of the size of a detector's serves all people alike, takes 128 bytes instead of outlines
    of any length, and is all that the input of a network can show. An empty segmentation stands for
    the whole box, with a warning.

    Args:
        path: Annotation file.
        ann_ids: (N,). Annotations of the instances.
        bbox_xywh: (N, 4), img px. Their boxes.

    Raises:
        ValueError: If an annotation has no segmentation, or one that is none.
    """
    rows = {ann_id: row for row, ann_id in enumerate(ann_ids.tolist())}
    masks = np.zeros((len(rows), SIDE * SIDE // 8), np.uint8)
    num_empty = 0
    for section, batch in stream_batches(path):
        for entry in batch if section == 'annotations' else ():
            row = rows.get(entry.get('id'))
            if row is None:
                continue
            try:
                cells = _cells(entry.get('segmentation'), bbox_xywh[row].astype(np.float64))
            except (ValueError, TypeError, KeyError, IndexError, cv2.error) as error:
                raise ValueError(
                    f"{path}: annotation {entry['id']} has no 'segmentation' of polygons or RLE "
                    f"({error}), which AddCondition reads where its kind is 'mask'; take "
                    "kind='bbox' for a file without masks"
                ) from error
            num_empty += not cells.any()
            masks[row] = np.packbits(cells if cells.any() else np.ones_like(cells))
    if num_empty:
        warnings.warn(
            f'{path}: {num_empty} of {len(rows)} masks are empty in their box, which is taken as a '
            'whole instead',
            stacklevel=2,
        )
    return masks


def unpack_masks(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns grids (N, SIDE, SIDE) of 0 and 255, top left first, of packed masks."""
    return np.unpackbits(masks, axis=1).reshape(-1, SIDE, SIDE) * np.uint8(255)


def _cells(segmentation: Any, box: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns the grid (SIDE, SIDE) of a segmentation in its box (4,)."""
    scale = FINE / np.maximum(box[2:], 1e-6)
    fine = np.zeros((FINE, FINE), np.uint8)
    if isinstance(segmentation, Mapping):
        # a fine sample lies at box[:2] + (i + 0.5) / scale, and a pixel's centre at a half
        steps = [(np.arange(FINE) + 0.5) / scale[axis] + box[axis] for axis in (0, 1)]
        mask = decode_rle(segmentation)
        columns, lines = (np.floor(step).astype(int) for step in steps)
        height, width = mask.shape
        inside = ((lines >= 0) & (lines < height))[:, None] & (columns >= 0) & (columns < width)
        fine[inside] = mask[lines.clip(0, height - 1)][:, columns.clip(0, width - 1)][inside]
    elif isinstance(segmentation, list):
        for outline in segmentation:  # one by one: several at once would be holes in each other
            points = (np.asarray(outline, np.float64).reshape(-1, 2) - box[:2]) * scale - 0.5
            cv2.fillPoly(fine, [np.rint(points * 16).astype(np.int32)], 1, shift=4)
    else:
        raise TypeError(f'it is {segmentation!r:.40}')
    return cv2.resize(fine * 255, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 127


def decode_rle(rle: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Returns the mask (H, W) of COCO's run-length encoding, as numbers or as compressed text.

    Runs go down the columns and start outside. In the text a run takes groups of five bits, lowest
    first, in characters from 48 on; bit 5 says that another follows, bit 4 of the last is the sign.
    From the fourth on it is the difference to the run two places before.

    Raises:
        ValueError: If the runs do not fill the mask.
    """
    height, width = rle['size']
    counts, runs = rle['counts'], list[int]()
    if isinstance(counts, str):
        value = shift = 0
        for code in counts.encode():
            group = code - 48
            value |= (group & 0x1F) << shift
            shift += 5
            if group & 0x20:
                continue
            value -= (group & 0x10) and 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    else:
        runs = [int(run) for run in counts]
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError(f'its runs have {sum(runs)} pixels for a size of {height} x {width}')
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(width, height).T  # (W, H) -> (H, W)
