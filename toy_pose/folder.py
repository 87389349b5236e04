"""Folder of a generated dataset: specification, record of its content, atomic generation.

A marker file is written first and removed last, so that an interrupted generation can be told
from a finished one. A record describes the content of a finished folder.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toy_pose.formats import load_format
from toy_pose.formats.base import write_json

# Raise this whenever the same arguments would give other bytes.
GENERATOR_VERSION = 2
_MARKER = 'UNFINISHED'
_RECORD = 'GENERATED.json'
_README = """GENERATED DATA

These pictures are drawn by a program and show nothing real. They exist to try out training and
evaluation on any machine; scores on them cannot be compared with scores on the real dataset.

Layout: {layout}
Made by toy_pose, {spec}.
"""


@dataclass(frozen=True)
class ToySpec:
    """Specification that determines the bytes of a dataset; the counts are numbers of images."""

    num_train: int = 4000
    num_val: int = 400
    seed: int = 0
    format: str = 'coco'

    def __post_init__(self) -> None:
        for name in ('num_train', 'num_val', 'seed'):
            if getattr(self, name) < 0:
                raise ValueError(
                    f'{name} is {getattr(self, name)}, expected 0 or more; '
                    f'set --{name.replace("_", "-")}'
                )
        load_format(self.format)

    def num_images(self, split: str) -> int:
        """Number of images of a split: ``num_val`` for each one but 'train'."""
        return self.num_train if split == 'train' else self.num_val

    def as_info(self) -> dict[str, Any]:
        """Generator version and arguments, as kept in the folder and in annotation files."""
        arguments = asdict(self)
        return {'version': GENERATOR_VERSION, 'format': arguments.pop('format'), **arguments}

    def image_paths(self) -> Iterator[tuple[str, int, str]]:
        """Split, index and path below the folder of every image."""
        layout = load_format(self.format)
        for split in layout.splits:
            for index in range(self.num_images(split)):
                yield split, index, layout.image_path(split, index)


def is_finished(out: Path, spec: ToySpec) -> bool:
    """Whether the folder holds exactly the dataset that ``spec`` describes."""
    record = read_record(out)
    if (out / _MARKER).exists() or record is None or record['generator'] != spec.as_info():
        return False
    layout = load_format(spec.format)
    files = set(layout.files) - set(layout.optional_files)
    images = (path for _, _, path in spec.image_paths())
    return all((out / path).is_file() for path in (*files, *images))


def read_record(out: Path) -> dict[str, Any] | None:
    """Returns the record of a finished generation; None if there is none."""
    return _read_info(out / _RECORD)


def _read_info(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None  # not there, or someone else's
    is_ours = isinstance(content, dict) and isinstance(content.get('generator'), dict)
    return content if is_ours else None


def check_writable(out: Path, spec: ToySpec, overwrite: bool) -> None:
    """Raises unless the folder is empty or holds an interrupted or damaged run of this generator.

    Raises:
        FileExistsError: the folder holds another generated dataset and ``overwrite`` is not set,
            or files that the generator did not write.
    """
    if not out.exists() or (out / _MARKER).exists():
        return
    if not out.is_dir():
        raise FileExistsError(f'{out} is a file, expected a folder; choose another --out')
    record = read_record(out)
    if record is None and any(out.iterdir()):
        raise FileExistsError(
            f'{out} holds files but no generated dataset, expected an empty folder; '
            'choose another --out'
        )
    if record is not None and record['generator'] != spec.as_info() and not overwrite:
        raise FileExistsError(
            f'{out} holds a dataset generated with {record["generator"]}, expected '
            f'{spec.as_info()}; pass --overwrite to replace it or choose another --out'
        )


def start_folder(out: Path, spec: ToySpec) -> None:
    """Mark the folder as unfinished, remove what an earlier generation left, make folders."""
    out.mkdir(parents=True, exist_ok=True)
    for path in (out / _RECORD, out / _MARKER):
        left = _read_info(path)
        if left is not None:
            _remove_generated(out, left['generator'])
    write_json(out / _MARKER, {'generator': spec.as_info()})
    (out / _RECORD).unlink(missing_ok=True)
    for folder in {(out / path).parent for _, _, path in spec.image_paths()}:
        folder.mkdir(parents=True, exist_ok=True)
    text = _README.format(layout=load_format(spec.format).layout, spec=spec.as_info())
    (out / 'README.txt').write_text(text)


def _remove_generated(out: Path, info: dict[str, Any]) -> None:
    """Delete the files of a generation with these arguments, and folders that get empty."""
    old = ToySpec(info['num_train'], info['num_val'], info['seed'], info['format'])
    paths = [out / path for _, _, path in old.image_paths()]
    paths += [out / path for path in load_format(old.format).files]
    for path in paths:
        path.unlink(missing_ok=True)
    inside = {parent for path in paths for parent in path.parents if out in parent.parents}
    for folder in sorted(inside, key=lambda each: len(each.parts), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def finish_folder(
    out: Path, spec: ToySpec, num_images: dict[str, int], num_instances: dict[str, int]
) -> None:
    """Write what the folder holds and remove the marker."""
    record = {'generator': spec.as_info(), 'images': num_images, 'instances': num_instances}
    write_json(out / _RECORD, record)
    (out / _MARKER).unlink()
