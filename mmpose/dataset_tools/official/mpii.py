"""MPII Human Pose: the official MATLAB file becomes the lists that the configs name.

Layout of ``mpii_human_pose_v1_u12_1.mat`` by its own documentation
(http://human-pose.mpi-inf.mpg.de); no original file was at hand. The result has the fields of the
shared ``mpii_*.json``, and ``head_box`` besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.official.files import read_names, write_json
from mmpose.evaluation.functional.mpii import load_matlab

NUM_JOINTS = 16
HEAD_FIELDS = ('x1', 'y1', 'x2', 'y2')


def convert_mpii(
    mat_file: str | Path, out: str | Path, val_list: str | Path | None = None
) -> dict[str, int]:
    """Writes ``mpii_trainval.json`` and ``mpii_test.json``, with a list also train and val.

    The official file divides the images into training and test only. ``mpii_train.json`` and
    ``mpii_val.json`` of the literature go back to a list of Tompson et al. (CVPR 2015), which
    ``val_list`` has to bring. Those files leave out a few of the persons that are written here:
    everyone with a centre, a scale and at least one joint.

    Args:
        mat_file: ``mpii_human_pose_v1_u12_1.mat``.
        out: Folder to write into.
        val_list: Names of the images for validation, one per line.

    Returns:
        The number of persons in each file that was written.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If scipy is missing.
        ValueError: If a file is not what it should be.
    """
    release = _read_release(Path(mat_file))
    is_train = np.atleast_1d(release.img_train)
    images = np.atleast_1d(release.annolist)
    if len(is_train) != len(images):
        raise ValueError(
            f"{mat_file}: 'annolist' has {len(images)} images, 'img_train' {len(is_train)}"
        )
    sets: dict[str, list[Json]] = {'trainval': [], 'test': []}
    for image, is_labelled in zip(images, is_train, strict=True):
        people = _people(image, bool(is_labelled), Path(mat_file))
        sets['trainval' if is_labelled else 'test'] += people
    if val_list is not None:
        trainval = sets['trainval']
        names = _read_list(Path(val_list), {person['image'] for person in trainval})
        sets['train'] = [person for person in trainval if person['image'] not in names]
        sets['val'] = [person for person in trainval if person['image'] in names]
    sets = {name: people for name, people in sets.items() if people}
    write_json({Path(out) / f'mpii_{name}.json': people for name, people in sets.items()})
    return {name: len(people) for name, people in sets.items()}


def _read_release(path: Path) -> Any:
    content = load_matlab(path, 'mpii_human_pose_v1_u12_1.mat', as_structs=True)
    release = content.get('RELEASE')
    for field in ('annolist', 'img_train'):
        if not hasattr(release, field):
            raise ValueError(
                f"{path}: 'RELEASE.{field}' is missing; is it mpii_human_pose_v1_u12_1.mat?"
            )
    return release


def _people(image: Any, is_labelled: bool, path: Path) -> Iterator[Json]:
    """Yields the persons of an image that have a centre, a scale and, if labelled, joints."""
    name = getattr(getattr(image, 'image', None), 'name', None)
    if not isinstance(name, str):
        raise ValueError(f"{path}: an entry of 'annolist' has no image name")
    for person in np.atleast_1d(getattr(image, 'annorect', [])):
        position = getattr(person, 'objpos', None)
        center = [_scalar(position, 'x'), _scalar(position, 'y')]
        scale = _scalar(person, 'scale')
        if None in center or scale is None:
            continue
        entry: Json = {'image': name, 'center': center, 'scale': scale}
        if is_labelled:
            labels = _joints(person, f'{path}: image {name}')
            if labels is None:
                continue
            entry |= labels
        head = [_scalar(person, field) for field in HEAD_FIELDS]
        if None not in head:
            entry['head_box'] = head
        yield entry


def _joints(person: Any, where: str) -> Json | None:
    """Returns joints (16 pairs, -1 where unlabelled) and whether each is labelled."""
    points = getattr(getattr(person, 'annopoints', None), 'point', [])
    joints, visible = [[-1.0, -1.0] for _ in range(NUM_JOINTS)], [0] * NUM_JOINTS
    for point in np.atleast_1d(points):
        joint, x, y = (_scalar(point, field) for field in ('id', 'x', 'y'))
        if joint is None or x is None or y is None:
            continue
        if joint not in range(NUM_JOINTS):
            raise ValueError(f'{where}: joint id {joint:g}, expected 0 to {NUM_JOINTS - 1}')
        joints[int(joint)], visible[int(joint)] = [x, y], 1
    return {'joints': joints, 'joints_vis': visible} if any(visible) else None


def _scalar(item: Any, field: str) -> float | None:
    """Returns a number of a MATLAB structure, or None where it is absent or empty."""
    value = np.asarray(getattr(item, field, []))
    if value.size != 1 or value.dtype.kind not in 'iuf' or not np.isfinite(value).all():
        return None
    return float(value.item())


def _read_list(path: Path, known: set[str]) -> set[str]:
    names = read_names(path)
    if not names & known:
        raise ValueError(
            f'{path}: none of {len(names)} lines is the name of a labelled image such as '
            f"'{min(known, default='')}'; expected one image name per line"
        )
    return names & known
