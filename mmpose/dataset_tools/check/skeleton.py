"""Skeleton check: flip pairs against names, sigmas, and left and right in the annotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmpose.dataset_tools.check.issues import Issue, IssueLog
from mmpose.dataset_tools.check.split import Split
from mmpose.metainfo.keypoint_names import KeypointName, find_partners, parse_names
from mmpose.structures import DatasetMeta

# Sides of a pair are compared with those of the other pairs from this many instances on, and
# only when both are this far from an even share.
MIN_SIDES = 30
CLEAR_SHARE = 0.15


@dataclass(frozen=True)
class PairSides:
    """Flip pair, and how often its left keypoint is right of its partner in the image.

    Attributes:
        left: Name of the left keypoint.
        right: Name of its partner.
        num_seen: Instances with both labelled, and apart in x.
        share: Share of these with the left keypoint on the right, as in a person seen from ahead.
    """

    left: str
    right: str
    num_seen: int
    share: float


def check_skeleton(dataset_meta: DatasetMeta, log: IssueLog, needs_sigmas: bool = True) -> None:
    """Finds flip pairs that contradict the names, and sigmas that mean nothing.

    Args:
        log: Gets every issue.
        needs_sigmas: Whether a metric weighs distances by them.
    """
    names, file = dataset_meta.keypoint_names, f'skeleton {dataset_meta.name}'
    by_name, parsed = find_partners(names), parse_names(names)
    for i, j in enumerate(dataset_meta.flip_indices.tolist()):
        own, other = parsed[i], parsed[j]
        entry, found = f'keypoint {names[i]}', f"swap '{names[j] if i != j else '-'}'"
        if by_name[i] != i and by_name[i] != j:
            expected = f"'{names[by_name[i]]}'"
        elif i != j and own.side and other.side and _unnumbered(own.mirrored) != _unnumbered(other):
            expected = 'the same keypoint of the other side'
        else:
            continue
        log.add(Issue('flip_pairs', 'all', file, entry, found, expected))
    issue = _sigma_issue(dataset_meta)
    if issue and (needs_sigmas or dataset_meta.sigmas is not None):
        log.add(Issue('sigmas', 'all', file, 'sigma', *issue))


def _unnumbered(name: KeypointName) -> tuple[str, ...]:
    """Returns the key of a name without its numbers: paw2LF and paw3RF may well be a pair."""
    return tuple(word for word in name.key if not word.isdecimal())


def _sigma_issue(dataset_meta: DatasetMeta) -> tuple[str, str] | None:
    sigmas = dataset_meta.sigmas
    if sigmas is None:
        return 'none', 'a sigma per keypoint, or a metric without OKS'
    for is_bad, rule in (
        (~np.isfinite(sigmas) | (sigmas <= 0), 'above 0'),
        (sigmas > 1, 'at most 1 (COCO: 0.025 to 0.107)'),
    ):
        if is_bad.any():
            first = int(is_bad.argmax())
            return (
                f'{sigmas[first]:g} for {dataset_meta.keypoint_names[first]} ({is_bad.sum()} such)',
                rule,
            )
    if len(sigmas) > 1 and np.ptp(sigmas) == 0:
        return f'{sigmas[0]:g} for all', 'values by how exactly each keypoint can be placed'
    return None


def check_sides(split: Split) -> list[PairSides]:
    """Compares on which side of the image the two keypoints of each pair are, over all instances.

    Whether one annotation has left and right exchanged cannot be known: it may show an instance
    from behind. But a pair that is the other way round than all others in the whole dataset can.

    Returns:
        One entry per flip pair whose names tell left from right.
    """
    words = [name.side for name in parse_names(split.dataset_meta.keypoint_names)]
    sides = [
        _pair_sides(split, i, j)
        for i, j in enumerate(split.dataset_meta.flip_indices.tolist())
        if (words[i], words[j]) == ('left', 'right')
    ]
    clear = [
        pair
        for pair in sides
        if pair.num_seen >= MIN_SIDES and abs(pair.share - 0.5) >= CLEAR_SHARE
    ]
    wrong_way = [pair for pair in clear if pair.share < 0.5]
    if 2 * len(wrong_way) > len(clear):  # the dataset shows its subjects from behind
        wrong_way = [pair for pair in clear if pair.share > 0.5]
    if 2 * len(wrong_way) == len(clear):
        return sides
    usual = np.mean([pair.share for pair in clear if pair not in wrong_way])
    for pair in wrong_way:
        entry = f'keypoints {pair.left} and {pair.right}'
        found = f'{pair.left} on the right side of {pair.share:.0%} of {pair.num_seen} instances'
        expected = f'about {usual:.0%}, as the other pairs'
        split.report('left_right', entry, found, expected)
    return sides


def _pair_sides(split: Split, left: int, right: int) -> PairSides:
    names = split.dataset_meta.keypoint_names
    both = (split.store.keypoints_visible[:, [left, right]] > 0).all(axis=1)
    gap = (split.store.keypoints[:, left, 0] - split.store.keypoints[:, right, 0])[both]
    gap = gap[gap != 0]
    share = float((gap > 0).mean()) if len(gap) else float('nan')
    return PairSides(names[left], names[right], len(gap), share)
