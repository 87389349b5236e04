"""Keypoint names: sides, spellings, mirror partners, and matching of two skeletons by name.

What words mean stands in ``keypoint_names.csv``. ``left_eye``, ``l_eye``, ``lt_eye``, ``Leye``,
``eye_L``, ``EyeLeft`` and ``ojo_izq`` are one name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from mmpose.metainfo.reader import read_sections

LEFT, RIGHT = 'left', 'right'
OPPOSITE = {LEFT: RIGHT, RIGHT: LEFT}
TABLE = Path(__file__).with_suffix('.csv')
# LShoulder is L and Shoulder, eyeL2 is eye, L and 2; letters of other scripts stay together.
WORD = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+')
# fmt: off
HEAD_WORDS = frozenset({
    'head', 'forehead', 'face', 'nose', 'eye', 'eyebrow', 'ear', 'mouth', 'lip', 'cheek', 'chin',
    'jaw', 'throat', 'neck',
})
# fmt: on
# Names that only number the keypoints, so that each skeleton means something else by them.
NUMBERED = re.compile(r'(kpt|keypoint|point|joint|landmark)?\d+')

Pair = tuple[int, int]
Key = tuple[str, ...]


class KeypointName(NamedTuple):
    """A name without its spelling.

    Attributes:
        side: 'left', 'right' or ''.
        words: The other words in their order, lower case, each in its first spelling of the table.
    """

    side: str
    words: tuple[str, ...]

    @property
    def key(self) -> Key:
        """Side and sorted words: equal for 'Head top', 'head_top' and 'top_head'."""
        return (self.side, *sorted(self.words))

    @property
    def mirrored(self) -> KeypointName:
        """The name of the other side; itself without a side."""
        return self._replace(side=OPPOSITE.get(self.side, ''))

    @property
    def is_numbered(self) -> bool:
        """Whether the name only counts, such as ``kpt-7``."""
        return not self.side and bool(NUMBERED.fullmatch(''.join(self.words)))


class _Words(NamedTuple):
    """The table of words.

    Attributes:
        sides: Spelling -> 'left' or 'right'.
        pairs: Spellings of left and right that belong together, the longest first.
        words: Spelling -> first spelling.
        halves: First spelling -> 'upper' or 'lower', where the table says one.
        same: Key of a name -> key of the one name of that point.
        near: The same for points close to each other.
    """

    sides: dict[str, str]
    pairs: list[tuple[str, str]]
    words: dict[str, str]
    halves: dict[str, str]
    same: dict[Key, Key]
    near: dict[Key, Key]


@cache
def _table() -> _Words:
    sections = {
        name: [line.cells for line in lines]
        for name, lines in read_sections(TABLE, TABLE.read_bytes()).items()
    }
    pairs = [(row[0], row[1]) for row in sections['sides']]
    table = _Words(
        sides={row[i]: side for row in pairs for i, side in enumerate((LEFT, RIGHT))},
        pairs=sorted(pairs, key=lambda pair: -len(pair[0])),
        words={spelling: row[0] for row in sections['words'] for spelling in (row[0], *row[2:])},
        halves={row[0]: row[1] for row in sections['words'] if row[1] != '-'},
        same={},
        near={},
    )
    for section, points in (('same', table.same), ('near', table.near)):
        for row in sections[section]:
            first, *others = (_parse(name, table) for name in row)
            for other in others:
                points[other.key] = first.key
                points[other.mirrored.key] = first.mirrored.key
    return table


def parse_name(name: str) -> KeypointName:
    """Returns the side and the words of one name.

    A side is a word of its own or is glued to a word that the table knows: ``left_eye``,
    ``LShoulder``, ``eyeL``, ``hip-r``, ``Leye``, but not ``leg``, ``rear`` or ``cleft``. A name
    with two sides, and one that is nothing else, has none.
    """
    return _parse(name, _table())


def parse_names(names: Sequence[str]) -> list[KeypointName]:
    """Returns the sides and words of all names of a skeleton.

    Beyond `parse_name`, two names that differ in a side at their beginning or end only, such as
    ``lfluke`` and ``rfluke``, are a left and a right one.
    """
    table = _table()
    parsed = [_parse(name, table) for name in names]
    place = {name.lower(): i for i, name in enumerate(names)}
    for i, name in enumerate(names):
        for other, rest in _other_side(name.lower()):
            j = place.get(other)
            if j is None or (parsed[i].side and parsed[j].side):
                continue
            is_word = name.lower() in table.words or other in table.words
            if parsed[i].side or parsed[j].side or not is_word:  # not lip and rip
                words = _parse(rest, table).words
                parsed[i], parsed[j] = KeypointName(LEFT, words), KeypointName(RIGHT, words)
                break
    return parsed


def find_partners(names: Sequence[str]) -> list[int]:
    """Returns the mirror partner of each keypoint by its name; itself where there is none.

    Two names for one point, such as ``l_eye`` and ``left_eye``, have no partner.
    """
    parsed = parse_names(names)
    keys = [name.key for name in parsed]
    unique = {key: i for i, key in enumerate(keys) if keys.count(key) == 1}
    return [
        unique.get(name.mirrored.key, i) if name.side and name.key in unique else i
        for i, name in enumerate(parsed)
    ]


def find_disorder(names: Sequence[str], expected: Sequence[str]) -> int | None:
    """Returns the first position at which a file has another keypoint than the skeleton, or None.

    That is a name which the skeleton has at another position, or one of the other side. A name
    that the skeleton has nowhere is otherwise taken for another word for the same keypoint ('head'
    for 'top_head'), and names behind the last keypoint of the skeleton do not count: the files of
    Human-Art list 21 names beside 17 keypoints. A name that the file lists twice says nothing.

    Args:
        names: Names in a file.
        expected: Names of the skeleton that is to read it.
    """
    own = parse_names(expected)
    positions = {name.key: i for i, name in enumerate(own)}
    found = parse_names(names)[: len(own)]
    keys = [name.key for name in found]
    for i, name in enumerate(found):
        is_elsewhere = positions.get(name.key, i) != i
        if keys.count(name.key) == 1 and (
            is_elsewhere or {name.side, own[i].side} == {LEFT, RIGHT}
        ):
            return i
    return None


def match_keypoints(source: Sequence[str], target: Sequence[str]) -> list[Pair]:
    """Returns the keypoints that two skeletons share, in the order of the target.

    Equal names come before other names of the same point, those before near points, and no
    keypoint is used twice. Numbered keypoints match only between equal skeletons.

    Args:
        source: Keypoint names of the skeleton to take from.
        target: Keypoint names of the skeleton to fill.

    Returns:
        Pairs of a position in the source and one in the target.
    """
    if list(source) == list(target):
        return [(i, i) for i in range(len(target))]
    names, wanted = parse_names(source), parse_names(target)
    pairs: dict[int, int] = {}
    for key_of in (attrgetter('key'), point_key, _near_key):
        taken = set(pairs.values())
        places = {
            key_of(name): i
            for i, name in reversed(list(enumerate(names)))
            if i not in taken and not name.is_numbered
        }
        for j, name in enumerate(wanted):
            if j not in pairs and key_of(name) in places:
                pairs[j] = places.pop(key_of(name))
    return [(pairs[j], j) for j in sorted(pairs)]


def places_of(names: Sequence[str], source: Sequence[str], where: str) -> list[int]:
    """Returns the place of each keypoint in another skeleton; points that are only near are none.

    Raises:
        ValueError: If some are not there; the message names them and ``where``.
    """
    keys, wanted = parse_names(source), parse_names(names)
    places = {
        j: i
        for i, j in match_keypoints(source, names)
        if source[i] == names[j] or point_key(keys[i]) == point_key(wanted[j])
    }
    missing = [name for j, name in enumerate(names) if j not in places]
    if missing:
        raise ValueError(f'{where} has no {", ".join(missing)}; expected all keypoints by name')
    return [places[j] for j in range(len(names))]


def point_key(name: KeypointName) -> Key:
    """Returns the key of a point, equal for all its names: ``root`` and ``pelvis``."""
    return _table().same.get(name.key, name.key)


def body_half(name: KeypointName) -> str:
    """Returns the half of the body that a keypoint belongs to: 'upper', 'lower', or '-'."""
    table = _table()
    words = {table.words.get(word) or table.words.get(word.rstrip('s')) for word in name.words}
    halves = {table.halves[word] for word in words if word in table.halves}
    return halves.pop() if len(halves) == 1 else '-'


def is_of_head(name: KeypointName) -> bool:
    """Whether a keypoint is a part of the head: it moves with the head, and shows it alone."""
    return any(word.rstrip('s') in HEAD_WORDS for word in name.words)


def _near_key(name: KeypointName) -> Key:
    key = point_key(name)
    return _table().near.get(key, key)


def _parse(name: str, table: _Words) -> KeypointName:
    plain = ''.join(c for c in unicodedata.normalize('NFKD', name) if not unicodedata.combining(c))
    plain = plain.replace('œ', 'oe').replace('ß', 'ss')
    words = [word.lower() for word in WORD.findall(plain)] or [name.lower()]
    sides = [i for i, word in enumerate(words) if word in table.sides]
    if not sides:
        glued = [(i, found) for i, word in enumerate(words) if (found := _unglue(word, table))]
        if len(glued) == 1:
            (i, (side, rest)) = glued[0]
            words[i : i + 1] = [side, rest]
            sides = [i]
    side = ''
    if len(sides) == 1 and len(words) > 1:
        side = table.sides[words.pop(sides[0])]
    return KeypointName(side, tuple(table.words.get(word, word) for word in words))


def _unglue(word: str, table: _Words) -> tuple[str, str] | None:
    """Returns the side and the rest of a word such as ``leye``, if the table knows the rest."""
    if word in table.words:
        return None
    for side in sorted(table.sides, key=len, reverse=True):
        if word.startswith(side) and word[len(side) :] in table.words:
            return side, word[len(side) :]
        if word.endswith(side) and word[: -len(side)] in table.words:
            return side, word[: -len(side)]
    return None


def _other_side(name: str) -> Iterator[tuple[str, str]]:
    """Yields the right names that a left one may belong to, and what the two share."""
    for left, right in _table().pairs:
        if name.startswith(left):
            yield right + name[len(left) :], name[len(left) :]
        if name.endswith(left):
            yield name[: -len(left)] + right, name[: -len(left)]
