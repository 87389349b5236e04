"""The folder of a generated dataset: what is in it, and how it is filled without half states.

A marker file is written before anything else and removed after everything else, so a generation
that was killed can be told from a finished one.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Raise this whenever the same arguments would give other bytes.
GENERATOR_VERSION = 1
SPLITS = ('train', 'val')
_MARKER = 'UNFINISHED'
_README = """GENERATED DATA

These pictures are drawn by a program and show no real person. They exist to try out training and
evaluation on any machine; scores on them cannot be compared with scores on COCO.

Layout: annotations/person_keypoints_{{train,val}}.json in COCO's keypoint format, images in train/
and val/.
Made by mmpose.datasets.toy, {spec}.
"""


@dataclass(frozen=True)
class ToySpec:
    """What decides the bytes of a generated dataset; the counts are numbers of images."""

    num_train: int = 4000
    num_val: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('num_train', 'num_val', 'seed'):
            if getattr(self, name) < 0:
                raise ValueError(
                    f'{name} is {getattr(self, name)}, expected 0 or more; '
                    f'set --{name.replace("_", "-")}'
                )

    def num_images(self, split: str) -> int:
        """Number of images of 'train' or 'val'."""
        return {'train': self.num_train, 'val': self.num_val}[split]

    def as_info(self) -> dict[str, Any]:
        """Generator version and arguments, as kept in the annotation files."""
        return {'version': GENERATOR_VERSION, **asdict(self)}


def annotation_path(out: Path, split: str) -> Path:
    """Annotation file of a split."""
    return out / 'annotations' / f'person_keypoints_{split}.json'


def image_name(split: str, index: int) -> str:
    """File name of an image inside its split's folder."""
    return f'toy_{split}_{index:06d}.jpg'


def is_finished(out: Path, spec: ToySpec) -> bool:
    """Whether the folder holds exactly the dataset that ``spec`` describes."""
    if (out / _MARKER).exists() or read_generator_info(out) != spec.as_info():
        return False
    return all(
        sum(1 for _ in (out / split).glob('toy_*.jpg')) == spec.num_images(split)
        for split in SPLITS
    )


def read_annotations(out: Path) -> dict[str, dict[str, Any]]:
    """The annotation files that can be read, split -> content."""
    contents = {}
    for split in SPLITS:
        path = annotation_path(out, split)
        if not path.is_file():
            continue
        try:
            contents[split] = json.loads(path.read_text())
        except json.JSONDecodeError:
            continue  # someone else's file; a generation that was killed leaves none
    return contents


def read_generator_info(out: Path) -> dict[str, Any] | None:
    """Version and arguments of the dataset in the folder; None when there is no complete one."""
    infos = [content.get('info', {}).get('generator') for content in read_annotations(out).values()]
    is_complete = len(infos) == len(SPLITS) and infos[0] == infos[1]
    return infos[0] if is_complete else None


def check_writable(out: Path, spec: ToySpec, overwrite: bool) -> None:
    """Refuse to write over anything but nothing, or a killed or damaged run of this generator.

    Raises:
        FileExistsError: the folder holds another generated dataset and ``overwrite`` is not set,
            or files that the generator did not write.
    """
    if not out.exists() or (out / _MARKER).exists():
        return
    if not out.is_dir():
        raise FileExistsError(f'{out} is a file, expected a folder; choose another --out')
    info = read_generator_info(out)
    if info is None and any(out.iterdir()):
        raise FileExistsError(
            f'{out} holds files but no generated dataset, expected an empty folder; '
            'choose another --out'
        )
    if info is not None and info != spec.as_info() and not overwrite:
        raise FileExistsError(
            f'{out} holds a dataset generated with {info}, expected {spec.as_info()}; '
            'pass --overwrite to replace it or choose another --out'
        )


def start_folder(out: Path, spec: ToySpec) -> None:
    """Mark the folder as unfinished and remove what an earlier generation left."""
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARKER).write_text('This dataset is being generated, or its generation was killed.\n')
    for split in SPLITS:
        annotation_path(out, split).unlink(missing_ok=True)
        for image in (out / split).glob('toy_*.jpg'):
            image.unlink()
        (out / split).mkdir(exist_ok=True)
    (out / 'annotations').mkdir(exist_ok=True)
    (out / 'README.txt').write_text(_README.format(spec=spec.as_info()))


def finish_folder(out: Path, contents: dict[str, dict[str, Any]]) -> None:
    """Write the annotation files of all splits, each in one step, and remove the marker."""
    for split, content in contents.items():
        path = annotation_path(out, split)
        draft = path.with_suffix('.json.part')
        draft.write_text(json.dumps(content, separators=(',', ':')))
        os.replace(draft, path)
    (out / _MARKER).unlink()
