"""The names that published repositories have for configs of ours."""

from __future__ import annotations

import re
from pathlib import Path

SIZES = {'S': 'small', 'B': 'base', 'L': 'large', 'H': 'huge'}
BODY = 'body/2d_kpt_sview_rgb_img/topdown_heatmap'
# VLPose's names: head, matcher, text model, kind of sentence, size and, on Human-Art, tuning.
# Its README writes pretrain for the folder scratch of the COCO stage.
_VLPOSE = 'first_amiddle_last_add_concat_attn_blip-B_'
_VIT = r'vit-(?P<size>[SBLH])'
_RULES = (
    (
        rf'coco/(?:scratch|pretrain)/cvl/{_VLPOSE}kw-1_{_VIT}',
        BODY + '/coco/VLPose_{size}_coco_256x192.py',
    ),
    (
        rf'humanart/pretrain/cvl/{_VLPOSE}kw1_{_VIT}_(?P<tuning>sp\d+|dp\d+|ff|ll)',
        BODY + '/humanart/VLPose_{size}_humanart_256x192_{tuning}.py',
    ),
    (r'coco/scratch/v/ViT-(?P<size>[SBLH])', BODY + '/coco/ViTPose_{size}_coco_256x192.py'),
)
_FOLDER = '_ours_'


def published_config(path: str | Path) -> Path:
    """Returns our config for a published name below ``configs/_ours_``; any other path as it is.

    Args:
        path: Such as ``configs/_ours_/coco/scratch/v/ViT-B.py``.

    Raises:
        FileNotFoundError: If the name is below that folder but none of ours.
    """
    path = Path(path)
    if _FOLDER not in path.parts:
        return path
    place = path.parts.index(_FOLDER)
    inner = Path(*path.parts[place + 1 :]).with_suffix('').as_posix()
    for pattern, ours in _RULES:
        match = re.fullmatch(pattern, inner)
        if match:
            names = {**match.groupdict(), 'size': SIZES[match['size']]}
            found = Path(*path.parts[:place], ours.format(**names))
            if found.is_file():
                return found
    raise FileNotFoundError(
        f'{path} is no config of VLPose that can be run; docs/vlpose.md lists its names and ours'
    )
