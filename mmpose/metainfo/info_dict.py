"""Skeletons as MMPose writes them: ``dataset_info`` (0.x) and ``METAINFO`` (1.x) dicts, and files.

Files are parsed as values and never run.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.structures import DatasetMeta

Info = Mapping[str, Any]

COLOR = (255, 128, 0)  # of MMPose, where a keypoint or link has none
LISTS = (list, tuple, np.ndarray)
ARITHMETIC: dict[type, Any] = {
    ast.Add: operator.add, ast.Div: operator.truediv, ast.Mult: operator.mul, ast.Sub: operator.sub
}  # fmt: skip
# MMPose's name of a skeleton -> that of the table here, where they differ
NAMES = {
    '300vw': '300w', '300wlp': '300w', 'ak': 'animalkingdom', 'Animal Kingdom': 'animalkingdom',
    'freihand2d': 'freihand', 'humanart': 'coco', 'ochuman': 'coco',
    'panoptic_hand2d': 'panoptic_hand', 'rhd2d': 'rhd', 'ubody2d': 'coco_wholebody',
}  # fmt: skip


def meta_from_info(info: Info) -> DatasetMeta:
    """Returns the skeleton of a ``dataset_info`` or ``METAINFO`` dict.

    Args:
        info: With ``dataset_name``, ``keypoint_info``, ``skeleton_info``, ``joint_weights`` and
            ``sigmas``, an empty list if there are none.

    Raises:
        ValueError: If a part is missing or the parts contradict each other.
    """
    missing = [key for key in ('dataset_name', 'keypoint_info') if key not in info]
    if missing:
        raise ValueError(
            f'a skeleton has the keys {", ".join(info)}, but no {" and no ".join(missing)}; '
            'expected a dict as dataset_info and METAINFO of MMPose are, or the name of a table'
        )
    name = str(info['dataset_name'])
    where = f"skeleton '{name}'"
    points = _in_order(where, info, 'keypoint_info', _is_point, 'name')
    points = [{**point, 'swap': point.get('swap') or None} for point in points]
    links = _in_order(where, info, 'skeleton_info', _is_link, 'link=(name, name)')
    weights = _numbers(where, info, 'joint_weights')
    weights = [1.0] * len(points) if weights is None else weights
    return build_meta(name, where, points, links, weights, _numbers(where, info, 'sigmas'))


def build_meta(
    name: str,
    where: str,
    points: Sequence[Info],
    links: Sequence[Info],
    weights: Sequence[float],
    sigmas: Sequence[float] | None,
) -> DatasetMeta:
    """Builds a skeleton from its keypoints and links in their order.

    Args:
        where: What messages begin with.
        points: Each with ``name``, ``swap`` (None for none), ``type`` and ``color``.
        links: Each with ``link``, two names, and ``color``.

    Raises:
        ValueError: If a name is none of a keypoint, or the parts contradict each other.
    """
    names = [str(point['name']) for point in points]
    index = {name: i for i, name in enumerate(names)}

    def find(name: str, what: str) -> int:
        if name not in index:
            raise ValueError(f"{where}: {what} names '{name}', which is not a keypoint")
        return index[name]

    flips = [
        i if point['swap'] is None else find(point['swap'], f"the swap of '{names[i]}'")
        for i, point in enumerate(points)
    ]
    pairs = [[find(name, 'a link') for name in x['link']] for x in links]
    return DatasetMeta(
        name=name,
        keypoint_names=tuple(names),
        flip_indices=np.array(flips, np.int64),
        upper_body_ids=tuple(i for i, x in enumerate(points) if x.get('type') == 'upper'),
        lower_body_ids=tuple(i for i, x in enumerate(points) if x.get('type') == 'lower'),
        skeleton_links=np.array(pairs, np.int64).reshape(-1, 2),
        dataset_keypoint_weights=np.array(weights, np.float32),
        sigmas=None if sigmas is None else np.array(sigmas, np.float32),
        keypoint_colors=_colors(points),
        skeleton_link_colors=_colors(links),
    )


def _in_order(
    where: str, info: Info, key: str, is_right: Callable[[Info], bool], expected: str
) -> list[Info]:
    """Returns the keypoints or links of a skeleton in the order of their numbers."""
    parts = info.get(key) or {}
    if not isinstance(parts, Mapping) or not all(str(number).isdecimal() for number in parts):
        raise ValueError(f'{where}: {key} is {parts!r:.200}, expected a dict by number')
    for number, part in parts.items():
        if not isinstance(part, Mapping) or not is_right(part) or not _has_color(part):
            raise ValueError(
                f'{where}: {key}.{number} is {part!r:.200}, expected a dict with {expected}, and '
                'color=[red, green, blue] from 0 to 255 if any'
            )
    return [parts[number] for number in sorted(parts, key=int)]


def _is_point(part: Info) -> bool:
    return isinstance(part.get('name'), (str, int)) and isinstance(part.get('swap') or '', str)


def _is_link(part: Info) -> bool:
    link: Any = part.get('link')
    is_pair = isinstance(link, LISTS) and len(link) == 2
    return is_pair and all(isinstance(name, str) for name in link)


def _has_color(part: Info) -> bool:
    color: Any = part.get('color', COLOR)
    is_triple = isinstance(color, LISTS) and len(color) == 3
    return is_triple and all(isinstance(x, Real) and 0 <= float(x) <= 255 for x in color)


def _numbers(where: str, info: Info, key: str) -> Sequence[float] | None:
    """Returns the weights or sigmas of a skeleton; None if there are none."""
    values: Any = info.get(key)
    values = () if values is None else values
    if not isinstance(values, LISTS) or not all(isinstance(value, Real) for value in values):
        raise ValueError(f'{where}: {key} is {values!r:.200}, expected a number for each keypoint')
    return list(values) if len(values) else None


def _colors(parts: Sequence[Info]) -> np.ndarray:
    return np.array([x.get('color', COLOR) for x in parts], np.uint8).reshape(-1, 3)


def read_info(path: str | Path) -> dict[str, Any]:
    """Returns the skeleton dict of a Python file, such as ``configs/_base_/datasets/coco.py``.

    Args:
        path: The file; the dict may be a variable of it or of a class in it.

    Raises:
        ValueError: If there is not exactly one, or it is more than values; the message says where.
    """
    path = Path(path)
    found: dict[str, Any] = {}
    known: dict[str, Any] = {}
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except SyntaxError as error:
        raise ValueError(f'{path}, line {error.lineno}: {error.msg}') from error
    for node in nodes:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        name = ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
        is_skeleton = 'keypoint_info' in _keys(node.value)
        try:
            known[name] = _value(node.value, known)
        except (ValueError, TypeError, LookupError) as error:
            if is_skeleton:
                raise ValueError(
                    f'{path}, line {node.lineno}: {name} is more than values ({error}); the file '
                    'is read and not run, so write them out'
                ) from error
        if is_skeleton:
            found[name] = known[name]
    if len(found) != 1:
        raise ValueError(
            f'{path} has {len(found)} skeletons ({", ".join(found) or "none"}), expected one dict '
            "with 'keypoint_info'"
        )
    return next(iter(found.values()))


def _keys(node: ast.expr) -> list[Any]:
    """Returns the keys of a dict display or a ``dict`` call."""
    if isinstance(node, ast.Dict):
        return [key.value for key in node.keys if isinstance(key, ast.Constant)]
    return [word.arg for word in node.keywords] if isinstance(node, ast.Call) else []


def _value(node: ast.expr, known: Info) -> Any:
    """Returns the value of literals, ``dict`` calls, sums and ``known`` names; nothing is run."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'dict' and not node.args:
        return {str(word.arg): _value(word.value, known) for word in node.keywords}
    if isinstance(node, ast.Dict):
        return {
            _value(key, known): _value(value, known)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item, known) for item in node.elts]
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        return ARITHMETIC[type(node.op)](_value(node.left, known), _value(node.right, known))
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Subscript):
        return _value(node.value, known)[_value(node.slice, known)]
    return ast.literal_eval(node)


def table_text(comment: str, keypoints: list[list[str]], links: list[list[str]]) -> str:
    """Returns a skeleton table that ``load_metainfo`` reads.

    Args:
        comment: Its first lines, each starting with ``#``.
        keypoints: Rows of name, swap, part, weight, sigma and colour.
        links: Rows of from, to and colour.
    """
    keypoints = [['name', 'swap', 'part', 'weight', 'sigma', 'color'], *keypoints]
    links = [['from', 'to', 'color'], *links]
    return f'{comment}\n[keypoints]\n{_align(keypoints)}\n[skeleton_links]\n{_align(links)}'


def meta_table(dataset_meta: DatasetMeta, comment: str) -> str:
    """Returns the table of a skeleton; reading it gives the same skeleton."""
    names, sigmas = [_quoted(name) for name in dataset_meta.keypoint_names], dataset_meta.sigmas
    halves = {'upper': dataset_meta.upper_body_ids, 'lower': dataset_meta.lower_body_ids}
    rows = [
        [
            name,
            '-' if i == j else names[j],
            next((half for half, ids in halves.items() if i in ids), '-'),
            str(dataset_meta.dataset_keypoint_weights[i]),
            '-' if sigmas is None else str(sigmas[i]),
            _hex(dataset_meta.keypoint_colors[i]),
        ]
        for i, (name, j) in enumerate(zip(names, dataset_meta.flip_indices, strict=True))
    ]
    colors = map(_hex, dataset_meta.skeleton_link_colors)
    links = [
        [names[a], names[b], color]
        for (a, b), color in zip(dataset_meta.skeleton_links, colors, strict=True)
    ]
    return table_text(comment, rows, links)


def _hex(color: np.ndarray) -> str:
    return '#' + bytes(color.tolist()).hex()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',;\t"') else name


def _align(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) + 1 for i in range(len(rows[0]))]
    return ''.join(
        ' '.join(
            [f'{cell},'.ljust(w) for cell, w in zip(row[:-1], widths, strict=False)] + row[-1:]
        )
        + '\n'
        for row in rows
    )
