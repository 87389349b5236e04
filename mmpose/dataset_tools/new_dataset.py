"""Skeleton table and training config for a new dataset in COCO's layout."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import mmpose
from mmpose.coco.columns import Columns
from mmpose.coco.json_fields import Json
from mmpose.coco.json_file import load_coco
from mmpose.config.load import load_config
from mmpose.dataset_tools.new_skeleton import propose_skeleton, write_skeleton

CONFIGS = Path(mmpose.__file__).resolve().parent.parent / 'configs'
# Model: the fragment, the schedule and the layer decay that its published configs use.
MODELS = {
    'tiny': ('vitpose_tiny_conv', 'toy_adamw', None),
    'small': ('vitpose_small', 'vit_210e', 0.8),
    'base': ('vitpose_base', 'vit_210e', 0.75),
    'large': ('vitpose_large', 'vit_210e', 0.8),
    'huge': ('vitpose_huge', 'vit_210e', 0.85),
}
PIPELINE = 'topdown_udp_'
PROBED_IMAGES = 20
HERE = '{{ fileDirname }}'  # the folder of a config, wherever it is moved

TEMPLATE = '''\
"""{title}"""
_base_ = [
{bases}
]
metainfo = '{here}/{name}.csv'
data_root = '{here}'

train_dataloader = dict(
    batch_size={batch_size},
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=True),
    dataset=dict(
        type='CocoDataset',
        metainfo=metainfo,
        data_root=data_root,
        ann_file={train_ann!r},
        data_prefix=dict(img={train_images!r}),
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size={batch_size},
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='PoseSampler', shuffle=False, round_up=False),
    dataset=dict(
        type='CocoDataset',
        metainfo=metainfo,
        data_root=data_root,
        ann_file={val_ann!r},
        data_prefix=dict(img={val_images!r}),
        pipeline=_base_.val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric')
test_evaluator = val_evaluator

model = dict(
    metainfo=metainfo,
    backbone=dict(img_size=_base_.codec['input_size'][::-1]),
    head=dict(out_channels={num_keypoints}, decoder=_base_.codec),
)
'''


@dataclass
class NewDataset:
    """Files written for a new dataset.

    Attributes:
        config: The config.
        table: The skeleton table.
        num_keypoints: K.
        notes: Sentences about what was guessed or done.
        written: All files.
    """

    config: Path
    table: Path
    num_keypoints: int
    notes: list[str]
    written: list[Path] = field(default_factory=list)


def create_dataset(
    ann: str | Path,
    name: str,
    out: str | Path | None = None,
    val_ann: str | Path | None = None,
    img_dir: str | Path | None = None,
    val_img_dir: str | Path | None = None,
    val_share: float = 0.1,
    size: str = '256x192',
    model: str = 'small',
    seed: int = 0,
    overwrite: bool = False,
) -> NewDataset:
    """Writes a skeleton table and a config for a file in COCO's layout.

    Args:
        ann: Annotation file with keypoints.
        name: Name of the dataset: of the table and the config.
        out: Folder that they are written to; ``name`` by default.
        val_ann: Annotation file to validate on. Without it a share of the images of ``ann`` is
            set apart, and both parts are written to ``out``.
        img_dir: Folder that the file names start from; ``images`` beside ``ann`` if there is
            such a folder, else that of ``ann``.
        val_img_dir: The same for ``val_ann``; ``img_dir`` by default.
        val_share: Share of the images that is set apart.
        size: Height x width of the crops; one of the pipelines in ``configs/_base_``.
        model: tiny, small, base, large or huge.
        seed: Seed of the split.
        overwrite: Whether files may be replaced.

    Raises:
        FileExistsError: If a file to be written exists already.
        FileNotFoundError: If a file or the images are missing.
        ValueError: If the file or an option does not fit.
    """
    ann = Path(ann).resolve()
    out = Path(out or name).resolve()
    _check_options(name, size, model, val_share)
    data = load_coco(ann)
    images = _image_folder(ann, img_dir, data)
    skeleton = propose_skeleton(ann, data)
    table, config = out / f'{name}.csv', out / f'{name}.py'
    parts = {} if val_ann else split_by_image(ann, data, val_share, seed)
    part_paths = {part: out / f'{name}_{part}.json' for part in parts}
    written = [table, config, *part_paths.values()]
    _check_free(written, overwrite)

    out.mkdir(parents=True, exist_ok=True)
    for part, content in parts.items():
        part_paths[part].write_text(json.dumps(content), encoding='utf-8')
    notes = skeleton.notes
    if val_ann:
        val_ann = Path(val_ann).resolve()
        val_images = _image_folder(val_ann, val_img_dir or images, load_coco(val_ann))
    else:
        val_images = images
        notes.append(_split_note(parts, seed))
    write_skeleton(table, skeleton, ann.name)
    text = _config_text(
        name, model, size, len(skeleton.names), out,
        (part_paths.get('train', ann), images), (val_ann or part_paths['val'], val_images),
    )  # fmt: skip
    config.write_text(text, encoding='utf-8')
    load_config(config)  # the proof that it fits together
    return NewDataset(config, table, len(skeleton.names), notes, written)


def split_by_image(path: Path, data: Json, share: float, seed: int) -> dict[str, Json]:
    """Sets a share of the images apart, those with labelled keypoints and the others alike.

    Args:
        path: The file, for messages.
        data: Content in COCO's layout.
        share: Share of the images for validation.
        seed: Seed of the choice.

    Returns:
        The contents of 'train' and 'val'.

    Raises:
        ValueError: If fewer than two images have labelled keypoints.
    """
    ids = Columns(path, 'image', data['images']).identifiers('id')
    owners = Columns(path, 'annotation', data['annotations']).identifiers('image_id')
    labelled = {
        image_id
        for image_id, ann in zip(owners, data['annotations'], strict=True)
        if ann.get('keypoints') and any(ann['keypoints'])
    }
    groups = [[i for i in ids if i in labelled], [i for i in ids if i not in labelled]]
    if len(groups[0]) < 2:
        raise ValueError(
            f'{path}: {len(groups[0])} images have keypoints, which cannot be split into train '
            'and val; give --val-ann'
        )
    rng = np.random.default_rng(seed)
    chosen: set[Any] = set()
    for group, least in zip(groups, (1, 0), strict=True):
        count = min(max(round(share * len(group)), least), max(len(group) - 1, 0))
        chosen |= {group[i] for i in rng.permutation(len(group))[:count]}
    rest = {key: value for key, value in data.items() if key not in ('images', 'annotations')}
    return {
        part: {
            **rest,
            'images': [i for i in data['images'] if (i['id'] in chosen) == is_val],
            'annotations': [a for a in data['annotations'] if (a['image_id'] in chosen) == is_val],
        }
        for part, is_val in (('train', False), ('val', True))
    }


def _split_note(parts: dict[str, Json], seed: int) -> str:
    counts = ' and '.join(f'{len(content["images"])} for {part}' for part, content in parts.items())
    return (
        f'the images were split at random (seed {seed}): {counts}; if they are frames of videos, '
        'neighbours landed on both sides: split by video instead and give --val-ann'
    )


def _check_options(name: str, size: str, model: str, val_share: float) -> None:
    if not re.fullmatch(r'[A-Za-z]\w*', name):
        raise ValueError(f"--name is '{name}', expected letters, digits and _ only")
    if model not in MODELS:
        raise ValueError(f"--model is '{model}', expected one of {sorted(MODELS)}")
    if not 0 < val_share < 1:
        raise ValueError(f'--val-share is {val_share}, expected a share between 0 and 1')
    if not CONFIGS.is_dir():
        raise FileNotFoundError(
            f'{CONFIGS} does not exist: this needs the repository with its configs'
        )
    sizes = [
        path.stem.removeprefix(PIPELINE)
        for path in sorted((CONFIGS / '_base_' / 'pipelines').glob(f'{PIPELINE}*.py'))
    ]
    sizes = [text for text in sizes if re.fullmatch(r'\d+x\d+', text)]
    if size not in sizes:
        raise ValueError(f"--size is '{size}' (height x width), expected one of {sizes}")


def _image_folder(ann: Path, img_dir: str | Path | None, data: Json) -> Path:
    beside = ann.parent / 'images'
    folder = Path(img_dir or (beside if beside.is_dir() else ann.parent)).resolve()
    names = [str(image.get('file_name')) for image in data['images'][:PROBED_IMAGES]]
    if not any((folder / name).is_file() for name in names):
        raise FileNotFoundError(
            f'none of the first {len(names)} images of {ann} is in {folder} (first: {names[0]}); '
            'set --img-dir to the folder that file_name starts from'
        )
    return folder


def _check_free(paths: list[Path], overwrite: bool) -> None:
    taken = [str(path) for path in paths if path.exists()]
    if taken and not overwrite:
        raise FileExistsError(f'{", ".join(taken)} exists already; give --overwrite or --out')


def _config_text(
    name: str,
    model: str,
    size: str,
    num_keypoints: int,
    out: Path,
    train: tuple[Path, Path],
    val: tuple[Path, Path],
) -> str:
    """Returns a config; ``train`` and ``val`` are annotation file and image folder."""
    fragment, schedule, decay = MODELS[model]
    files = [
        'default_runtime.py',
        f'models/{fragment}.py',
        f'pipelines/{PIPELINE}{size}.py',
        f'schedules/{schedule}.py',
    ]
    bases = [os.path.relpath(CONFIGS / '_base_' / file, out) for file in files]
    text = TEMPLATE.format(
        title=f'ViTPose-{model.capitalize()} on {name}, {num_keypoints} keypoints, {size}.',
        bases='\n'.join(f'    {base!r},' for base in bases),
        here=HERE,
        name=name,
        batch_size=32 if model != 'tiny' else 16,
        train_ann=os.path.relpath(train[0], out),
        train_images=os.path.relpath(train[1], out),
        val_ann=os.path.relpath(val[0], out),
        val_images=os.path.relpath(val[1], out),
        num_keypoints=num_keypoints,
    )
    if decay is not None:
        text += f'optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate={decay}))\n'
    return text
