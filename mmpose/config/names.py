"""Names of models and configs: what a command may be given instead of the path of a config."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from mmpose.version import PROJECT

CONFIGS = PROJECT / 'configs'
TOPDOWN = '{}/2d_kpt_sview_rgb_img/topdown_heatmap'
BODY, HAND = TOPDOWN.format('body'), TOPDOWN.format('hand')
SIZES = {'s': 'small', 'b': 'base', 'l': 'large', 'h': 'huge'}
PLUS_DATASETS = 'coco+aic+mpii+ap10k+apt36k+wholebody'
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
_FOLDER = '_ours_'  # of VLPose's configs
BASE_FOLDER = '_base_'  # of fragments, which cannot be run


def find_config(name: str | Path) -> Path:
    """Returns the config file that a name is for.

    Args:
        name: A path; the name of a model (``vitpose-b``); the file name of one of our configs, with
            or without its folders; or a name below ``configs/_ours_`` of VLPose's README, such as
            ``configs/_ours_/coco/scratch/v/ViT-B.py``.

    Raises:
        FileNotFoundError: If there is none; the message has the nearest names.
    """
    path, text = Path(name), str(name)
    if path.is_file():
        return path
    if _FOLDER in path.parts:
        return _of_vlpose(path)
    if path.parts[:1] == ('configs',) and (CONFIGS.parent / path).is_file():
        return CONFIGS.parent / path
    known = model_names()
    if canonical_name(text) in known:
        return CONFIGS / known[canonical_name(text)][0]
    files = config_stems()
    stem = path.name.removesuffix('.py').lower()
    if stem in files and len(path.parts) == 1:
        return files[stem]
    near = get_close_matches(stem, [*files, *known], n=2)
    hint = f'; did you mean {" or ".join(files[x].stem if x in files else x for x in near)}?'
    raise FileNotFoundError(f'config file {text} does not exist{hint if near else ""}')


def config_stems() -> dict[str, Path]:
    """Returns the configs that can be run by file name, in lower case and without ``.py``."""
    return {file.stem.lower(): file for file in map(CONFIGS.joinpath, config_names())}


def config_names() -> list[str]:
    """Returns the paths below ``configs/`` of the configs that can be run, sorted."""
    files = (file.relative_to(CONFIGS) for file in CONFIGS.rglob('*.py'))
    return sorted(file.as_posix() for file in files if BASE_FOLDER not in file.parts)


def _of_vlpose(path: Path) -> Path:
    place = path.parts.index(_FOLDER)
    root = Path(*path.parts[:place])
    inner = Path(*path.parts[place + 1 :]).with_suffix('').as_posix()
    for pattern, ours in _RULES:
        match = re.fullmatch(pattern, inner)
        if match:
            names = {**match.groupdict(), 'size': SIZES[match['size'].lower()]}
            found = [folder / ours.format(**names) for folder in (root, CONFIGS)]
            if any(file.is_file() for file in found):
                return next(file for file in found if file.is_file())
    raise FileNotFoundError(
        f'{path} is no config of VLPose that can be run; docs/vlpose.md lists its names and ours'
    )


def model_names() -> dict[str, tuple[str, str | None]]:
    """Returns name -> (config below ``configs/``, dataset of several), aliases included."""
    names: dict[str, tuple[str, str | None]] = {}
    for letter, size in SIZES.items():
        names[f'vitpose-{letter}'] = (f'{BODY}/coco/ViTPose_{size}_coco_256x192.py', None)
        simple = f'{BODY}/coco/ViTPose_{size}_simple_coco_256x192.py'
        names[f'vitpose-{letter}-simple'] = (simple, None)
        plus = f'{BODY}/coco/vitPose+_{size}_{PLUS_DATASETS}_256x192_udp.py'
        names[f'vitpose+-{letter}'] = (plus, 'coco')
    base, plus = names['vitpose-b'], names['vitpose+-b'][0]
    hand = f'{HAND}/interhand2d/ViTPose_base_interhand2d_all_256x192.py'
    return names | {
        **dict.fromkeys(('vitpose', 'human', 'body', 'body17'), base),
        'animal': (plus, 'ap10k'),
        'wholebody': (plus, 'wholebody'),
        'hand': (hand, None),
    }


def canonical_name(text: str) -> str:
    """Returns ``vitpose+-b`` for ``usyd-community/vitpose-plus-base``, ``ViTPose+_base``, ..."""
    name = text.lower().removeprefix('usyd-community/').replace('_', '-')
    name = re.sub(r'vitpose(-plus|\+\+|\+)-?', 'vitpose+-', name)
    for letter, size in SIZES.items():
        name = re.sub(rf'-{size}\b', f'-{letter}', name)
    return name
