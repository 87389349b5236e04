"""Masks as COCO's compressed run lengths, the ``counts`` of a segmentation."""

import numpy as np


def encode_mask(mask: np.ndarray) -> dict[str, object]:
    """Segmentation entry of a mask (H, W), any non-zero value inside.

    Runs go down the columns and start with the background. A run is stored as its difference to
    the one two places before it (from the fourth on), in groups of five bits, lowest first, bit 5
    set on all but the last group, plus 48 to make it a printable character.
    """
    inside = np.concatenate([[False], mask.T.reshape(-1) != 0])  # (W, H) order, background first
    starts = np.flatnonzero(inside[1:] != inside[:-1])
    runs = np.diff(np.concatenate([[0], starts, [mask.size]])).tolist()
    text = []
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        text.extend(_characters(value))
    return {'size': [int(mask.shape[0]), int(mask.shape[1])], 'counts': ''.join(text)}


def _characters(value: int) -> list[str]:
    found = []
    while True:
        bits = value & 0x1F
        value >>= 5
        is_last = value == (-1 if bits & 0x10 else 0)
        found.append(chr(bits + 48 if is_last else bits + 0x20 + 48))
        if is_last:
            return found
