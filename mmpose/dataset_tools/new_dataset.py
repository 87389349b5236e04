"""Skeleton table, annotation files and training config for a new dataset in COCO's layout."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpose.coco.json_fields import Json
from mmpose.config.load import load_config, read_config
from mmpose.config.names import CONFIGS
from mmpose.dataset_tools.new_annotations import (
    boxes_are_images,
    is_labelled,
    read_annotations,
    split_by_folder,
    split_by_image,
)
from mmpose.dataset_tools.new_categories import Name, check_parts, propose_heads, with_heads
from mmpose.dataset_tools.new_skeleton import lack_of_halves
from mmpose.dataset_tools.training_plan import TrainingPlan, plan_training
from mmpose.metainfo.info_dict import meta_table
from mmpose.structures import DatasetMeta

# Model: its fragment, and published weights to start from.
MODELS = {
    'tiny': ('vitpose_tiny_conv', None),
    'small': ('vitpose_small', 'hf://usyd-community/vitpose-plus-small'),
    'base': ('vitpose_base', 'hf://usyd-community/vitpose-base'),
    'large': ('vitpose_large', 'hf://usyd-community/vitpose-plus-large'),
    'huge': ('vitpose_huge', 'hf://usyd-community/vitpose-plus-huge'),
}
PIPELINE = 'topdown_udp_'
AUGMENTED_SIZE = '256x192'  # its augmentation is ViTPose's; that of 128x96 is for endless data
SIZE_STEP = 32  # px; patches of 16, and a crop that is even in them
PROBED_IMAGES = 20
RECIPES = ('standard', 'small_data')
# ViTPose's augmentation is for many more iterations than a small set is trained
TOO_STRONG = ('RandomShiftBboxCenter', 'RandomHalfBody')
MILD = {'RandomBBoxTransform': dict(scale_factor=0.25, rotate_factor=30)}
WHOLE_IMAGE_METRICS = [dict(type='EPE'), dict(type='PCKAccuracy', thr=0.02)]
HERE = '{{ fileDirname }}'  # the folder of a config, wherever it is moved
WIDTH = 100


@dataclass
class NewDataset:
    """Files written for a new dataset.

    Attributes:
        config: The config.
        tables: The skeleton table; where categories have different keypoints, one for each list.
        plan: Batch, epochs and rate of the training.
        notes: Sentences about what was guessed or done.
        written: All files.
    """

    config: Path
    tables: list[Path]
    plan: TrainingPlan
    notes: list[str]
    written: list[Path]


def create_dataset(
    ann: str | Path,
    name: str,
    out: str | Path | None = None,
    val_ann: str | Path | None = None,
    img_dir: str | Path | None = None,
    val_img_dir: str | Path | None = None,
    val_share: float = 0.1,
    val_folders: Sequence[str] = (),
    size: str = '256x192',
    model: str = 'small',
    seed: int = 0,
    recipe: str = 'standard',
    overwrite: bool = False,
) -> NewDataset:
    """Writes a skeleton table, a config and annotation files for a file in COCO's layout.

    What is written needs nothing but the images and this package, so the folder can be moved.

    Args:
        ann: Annotation file with keypoints.
        name: Name of the dataset: of the table and the config.
        out: Folder that they are written to; ``name`` by default.
        val_ann: Annotation file to validate on. Without it a share of the images of ``ann`` is
            set apart.
        img_dir: Folder that the file names start from; ``images`` beside ``ann`` if there is
            such a folder, else that of ``ann``.
        val_img_dir: The same for ``val_ann``; ``img_dir`` by default.
        val_share: Share of the images that is set apart.
        val_folders: Folders of images that are set apart instead, as file names start.
        size: Height x width of the crops, multiples of 32 px.
        model: tiny, small, base, large or huge.
        recipe: standard, or small_data: mild augmentation, averaged weights, and a training that
            stops when it no longer gets better.
        overwrite: Whether files may be replaced.

    Raises:
        FileExistsError: If a file to be written exists already.
        FileNotFoundError: If a file or the images are missing.
        ValueError: If the file or an option does not fit.
    """
    ann = Path(ann).resolve()
    out = Path(out or name).resolve()
    _check_options(name, size, model, val_share, recipe)
    notes: list[str] = []
    data = read_annotations(ann, notes)
    folders = {'train': _image_folder(ann, img_dir, data)}
    heads = propose_heads(ann, data, notes)
    tables = [out / f'{name}{one.suffix}.csv' for one in heads]
    parts = _split(ann, data, val_ann, val_folders, val_share, seed, notes)
    folders['val'] = folders['train']
    if val_ann:
        folders['val'] = _image_folder(Path(val_ann), val_img_dir or folders['train'], parts['val'])
    check_parts(parts, heads)
    config = out / f'{name}.py'
    part_paths = {part: out / f'{name}_{part}.json' for part in parts}
    written = [*tables, config, *part_paths.values()]
    _check_free(written, [ann, *([Path(val_ann)] if val_ann else [])], overwrite)
    is_whole_image = boxes_are_images(data) and len(heads) == 1
    notes += _notes_on_images(out, folders, is_whole_image)
    num_samples = sum(map(is_labelled, parts['train']['annotations']))
    plan = plan_training(num_samples, model, small_data=recipe == 'small_data')

    out.mkdir(parents=True, exist_ok=True)
    for part, content in parts.items():
        part_paths[part].write_text(json.dumps(content), encoding='utf-8')
    for table, head in zip(tables, heads, strict=True):
        comment = ''.join(f'# {line}.\n' for line in (f'Proposed from {ann.name}', *head.notes))
        table.write_text(meta_table(head.skeleton, comment), encoding='utf-8')
    skeletons = [head.skeleton for head in heads]
    # whose halves count; where another has none, its part of the config has no such augmentation
    skeleton = min(skeletons, key=lambda one: bool(lack_of_halves(one)))
    files = {part: (path.name, folders[part]) for part, path in part_paths.items()}
    content = compose_config(name, model, size, skeleton, plan, out, files, is_whole_image)
    content = with_heads(content, heads, [f'{HERE}/{table.name}' for table in tables])
    counts = ' + '.join(str(one.num_keypoints) for one in skeletons)
    title = f'ViTPose-{model.capitalize()} on {name}, {counts} keypoints, {size}.'
    config.write_text(_as_text(title, content), encoding='utf-8')
    load_config(config)  # the proof that it fits together
    return NewDataset(config, tables, plan, notes, written)


def _notes_on_images(out: Path, folders: dict[str, Path], is_whole_image: bool) -> list[str]:
    notes = []
    if any(out not in (folder, *folder.parents) for folder in folders.values()):
        notes.append(
            f'the images stay in {folders["train"]}: move them along with {out}, so that the way '
            'from one to the other stays the same, or set data_prefix in the config'
        )
    if is_whole_image:
        notes.append(
            'the boxes are the whole images, whose size makes AP accept almost anything, so the '
            'config measures EPE, the mean distance in px, and PCK within 0.02 of the longer side'
        )
    return notes


def _split(
    ann: Path,
    data: Json,
    val_ann: str | Path | None,
    val_folders: Sequence[str],
    val_share: float,
    seed: int,
    notes: list[str],
) -> dict[str, Json]:
    """Returns the contents of train and val."""
    if val_ann and val_folders:
        raise ValueError('--val-ann and --val-folder exclude each other; give one')
    if val_ann:
        return {'train': data, 'val': read_annotations(Path(val_ann), notes)}
    if val_folders:
        parts = split_by_folder(ann, data, val_folders)
        how, hint = 'by folder', f', those of {", ".join(val_folders)}'
    else:
        parts = split_by_image(ann, data, val_share, seed)
        how, hint = (
            f'at random (seed {seed})',
            (
                '; if they are frames of videos, neighbours landed on both sides: split by video '
                'instead with --val-folder or --val-ann'
            ),
        )
    counts = ' and '.join(f'{len(content["images"])} for {part}' for part, content in parts.items())
    notes.append(f'the images were split {how}: {counts}{hint}')
    return parts


def _check_options(name: str, size: str, model: str, val_share: float, recipe: str) -> None:
    if not re.fullmatch(r'[A-Za-z]\w*', name):
        raise ValueError(f"--name is '{name}', expected letters, digits and _ only")
    if model not in MODELS:
        raise ValueError(f"--model is '{model}', expected one of {sorted(MODELS)}")
    if recipe not in RECIPES:
        raise ValueError(f"--recipe is '{recipe}', expected one of {RECIPES}")
    if not 0 < val_share < 1:
        raise ValueError(f'--val-share is {val_share}, expected a share between 0 and 1')
    sides = list(map(int, size.split('x'))) if re.fullmatch(r'\d{1,4}x\d{1,4}', size) else [0]
    if len(sides) != 2 or not all(side and side % SIZE_STEP == 0 for side in sides):
        raise ValueError(
            f"--size is '{size}', expected height x width in multiples of {SIZE_STEP} px, such as "
            '256x192 for upright people or 192x256 for animals seen from the side'
        )


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


def _check_free(paths: list[Path], read: list[Path], overwrite: bool) -> None:
    for path in paths:
        if any(path.exists() and path.samefile(source) for source in read):
            raise FileExistsError(f'{path} is read and would be written; give another --out')
    taken = [str(path) for path in paths if path.exists()]
    if taken and not overwrite:
        raise FileExistsError(f'{", ".join(taken)} exists already; give --overwrite or --out')


def compose_config(
    name: str,
    model: str,
    size: str,
    skeleton: DatasetMeta,
    plan: TrainingPlan,
    out: Path,
    files: dict[str, tuple[str, Path]],
    is_whole_image: bool = False,
) -> Json:
    """Returns the parts of a config in their order.

    Args:
        model: Key of ``MODELS``.
        size: Name of a pipeline.
        skeleton: Skeleton of the dataset.
        plan: Training plan.
        out: Folder of the config.
        files: Annotation file and image folder of train and val.
        is_whole_image: Whether the boxes are the images, whose area is no measure for OKS.
    """
    base = CONFIGS / '_base_'
    pipeline, augmented = _pipeline(size), _pipeline(AUGMENTED_SIZE)
    pipeline['train_pipeline'] = [
        {**step, **MILD.get(step['type'], {})} if plan.small_data else step
        for step in [*augmented['train_pipeline'][:-1], pipeline['train_pipeline'][-1]]
        if not (plan.small_data and step['type'] in TOO_STRONG)
        and not (step['type'] == 'RandomHalfBody' and lack_of_halves(skeleton))
    ]
    runtime = read_config(base / 'default_runtime.py')
    runtime.merge_from_dict(plan.config)
    if is_whole_image:
        runtime.default_hooks.checkpoint.save_best = 'EPE'
    network = read_config(base / 'models' / f'{MODELS[model][0]}.py').model
    network.metainfo = Name('metainfo')
    network.backbone.img_size = pipeline['codec']['input_size'][::-1]
    network.head.update(out_channels=skeleton.num_keypoints, decoder=Name('codec'))
    loaders = {part: _loader(part, plan, *files[part], out) for part in files}
    return {
        **runtime.to_dict(),
        'metainfo': f'{HERE}/{name}.csv',
        'data_root': HERE,
        **pipeline,
        'train_dataloader': loaders['train'],
        'val_dataloader': loaders['val'],
        'test_dataloader': Name('val_dataloader'),
        'val_evaluator': WHOLE_IMAGE_METRICS if is_whole_image else dict(type='CocoMetric'),
        'test_evaluator': Name('val_evaluator'),
        'model': network.to_dict(),
    }


def _pipeline(size: str) -> Json:
    """Returns the fragment of a size, or that of ``AUGMENTED_SIZE`` with another size in it."""
    folder = CONFIGS / '_base_' / 'pipelines'
    path = folder / f'{PIPELINE}{size}.py'
    if path.is_file():
        return read_config(path).to_dict()
    pipeline = read_config(folder / f'{PIPELINE}{AUGMENTED_SIZE}.py').to_dict()
    height, width = map(int, size.split('x'))
    pipeline['codec'].update(input_size=(width, height), heatmap_size=(width // 4, height // 4))
    for part in ('train_pipeline', 'val_pipeline'):
        pipeline[part][-1]['input_size'] = (width, height)
    return pipeline


def _loader(part: str, plan: TrainingPlan, ann: str, images: Path, out: Path) -> Json:
    loader: Json = dict(
        batch_size=plan.length.batch_size,
        num_workers=2,
        persistent_workers=True,
        sampler=dict(type='PoseSampler', shuffle=part == 'train'),
        dataset=dict(
            type='CocoDataset',
            metainfo=Name('metainfo'),
            data_root=Name('data_root'),
            ann_file=ann,
            data_prefix=dict(img=Path(os.path.relpath(images, out)).as_posix()),
            pipeline=Name(f'{part}_pipeline'),
        ),
    )
    if part == 'val':
        loader['sampler']['round_up'] = False
        loader['dataset']['test_mode'] = True
    return loader


def _as_text(title: str, content: Json) -> str:
    parts = (f'{key} = {_format(value, len(key) + 3)}\n' for key, value in content.items())
    return f'"""{title}"""\n' + ''.join(parts)


def _format(value: Any, used: int, indent: str = '') -> str:
    """Returns a value as configs write it, with a line per entry where one line is too short."""
    brackets = {dict: ('dict(', ')'), list: ('[', ']'), tuple: ('(', ')')}.get(type(value))
    if brackets is None:
        return repr(value)
    deeper = indent + '    '
    if isinstance(value, dict) and not all(key.isidentifier() for key in value):
        return repr(value)
    pairs = value.items() if isinstance(value, dict) else (('', entry) for entry in value)
    names = [(f'{key}=' if key else '', entry) for key, entry in pairs]
    entries = [name + _format(entry, len(deeper) + len(name) + 1, deeper) for name, entry in names]
    comma = ',' if isinstance(value, tuple) and len(value) == 1 else ''
    line = brackets[0] + ', '.join(entries) + comma + brackets[1]
    if used + len(line) <= WIDTH and '\n' not in line:
        return line
    body = ''.join(f'{deeper}{entry},\n' for entry in entries)
    return f'{brackets[0]}\n{body}{indent}{brackets[1]}'


def tool_call(script: str, name: str) -> str:
    """Returns how a tool is called: by ``pose`` if that is what runs, else by its script."""
    return f'pose {name}' if sys.argv[0].startswith('pose ') else f'python tools/{script}.py'


def training_commands(made: NewDataset, model: str) -> list[str]:
    """Returns the commands that train a new dataset from published weights, where there are any.

    Args:
        model: Key of ``MODELS``.
    """
    command = f'{tool_call("train", "train")} {shlex.quote(str(made.config))}'
    weights = MODELS[model][1]
    if weights is None:
        return [command]
    commands = []
    if 'plus' in weights:  # of several datasets; ours has the part of one
        target = made.config.parent / 'weights'
        commands.append(
            f'{tool_call("model_split", "split")} --source {weights} --target '
            f'{shlex.quote(str(target))}'
        )
        weights = str(target / 'coco.pth')
    options = shlex.quote(f'model.pretrained={weights}')
    if made.tables[1:]:  # the head of the weights is for one skeleton
        return [*commands, f'{command} --cfg-options {options}']
    return [*commands, f'{command} --cfg-options {options} model.pretrained_metainfo=coco']
