"""Left and right in the names of keypoints."""

from __future__ import annotations

import re
from collections.abc import Sequence

WORDS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+')
SIDES = {'left': 'left', 'l': 'left', 'lt': 'left', 'right': 'right', 'r': 'right', 'rt': 'right'}
OTHER = {'left': 'right', 'right': 'left'}
# Letters that stand for a side without anything between them and the rest: rank and lank.
GLUED = {'left': 'right', 'right': 'left', 'l': 'r', 'r': 'l', 'L': 'R', 'R': 'L'}


def split_side(name: str) -> tuple[str, str]:
    """Returns 'left', 'right' or '', and the rest of a name in lower case.

    Sides are words of their own: ``left_eye``, ``LShoulder``, ``eyeL``, ``hip-r``, ``front left
    paw``. Two sides in one name, or none, give ''.
    """
    words = [word.lower() for word in WORDS.findall(name)]
    found = [word for word in words if word in SIDES]
    if len(found) != 1 or len(words) == 1:
        return '', ' '.join(words)
    words.remove(found[0])
    return SIDES[found[0]], ' '.join(words)


def find_partners(names: Sequence[str]) -> list[int]:
    """Returns the mirror partner of each keypoint by its name; itself where none is found."""
    by_meaning = {split_side(name): i for i, name in enumerate(names)}
    partners = list(range(len(names)))
    for i, name in enumerate(names):
        side, rest = split_side(name)
        if side:
            partners[i] = by_meaning.get((OTHER[side], rest), i)
        if partners[i] == i:
            partners[i] = _glued_partner(name, names, i)
    # A partner counts only if it is mutual: 'l_eye', 'left_eye' and one 'right_eye' are no pairs.
    return [j if partners[j] == i else i for i, j in enumerate(partners)]


def _glued_partner(name: str, names: Sequence[str], own: int) -> int:
    for side, other in GLUED.items():
        candidates = []
        if name.startswith(side):
            candidates.append(other + name[len(side) :])
        if name.endswith(side):
            candidates.append(name[: -len(side)] + other)
        for candidate in candidates:
            if candidate != name and candidate in names:
                return list(names).index(candidate)
    return own


def side_of(name: str, partner: str) -> str:
    """Returns the side of a keypoint, given the name of its partner; '' if the names do not say."""
    side = split_side(name)[0]
    if side or name == partner:
        return side
    for text, word in (('l', 'left'), ('r', 'right')):
        if name.lower().startswith(text) and partner.lower().startswith(GLUED[text]):
            return word
        if name.lower().endswith(text) and partner.lower().endswith(GLUED[text]):
            return word
    return ''
