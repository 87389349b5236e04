"""Compares the keypoint names in a file with those of the skeleton that is to read it."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words of which the official files write now the one and now the other.
SAME_WORDS = {'l': 'left', 'r': 'right', 'f': 'front', 'b': 'back'}
WORD = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+')


def normalize(name: str) -> tuple[str, ...]:
    """Returns what is left of a name without spelling: its words, lower case, in sorted order.

    'Head top', 'head_top' and 'top_head' are the same name, and so are 'L_F_Paw' and
    'left_front_paw', 'TailBase' and 'tail base'.
    """
    words = [word.lower() for word in WORD.findall(name)]
    return tuple(sorted(SAME_WORDS.get(word, word) for word in words))


def find_disorder(names: Sequence[str], expected: Sequence[str]) -> int | None:
    """Returns the first place whose name the skeleton has at another place, or None.

    A name that the skeleton has nowhere is taken for another word for the same keypoint ('head'
    for 'top_head'), and names behind the last keypoint of the skeleton do not count: the files of
    Human-Art list 21 names beside 17 keypoints. A name that the file lists twice says nothing.
    """
    places = {normalize(name): place for place, name in enumerate(expected)}
    found = [normalize(name) for name in names[: len(expected)]]
    for place, name in enumerate(found):
        if found.count(name) == 1 and places.get(name, place) != place:
            return place
    return None
