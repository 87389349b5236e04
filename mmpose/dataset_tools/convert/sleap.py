"""SLEAP: projects in its native format ``.slp``, read and written with sleap-io (BSD-3).

Layout: https://io.sleap.ai. A project has skeletons, videos (or lists of images in place of one)
and labelled frames.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpose.dataset_tools.convert.files import ImageFolder
from mmpose.dataset_tools.convert.label_set import (
    OCCLUDED,
    VISIBLE,
    LabelledImage,
    LabelledInstance,
    LabelSet,
    count_notes,
)

if TYPE_CHECKING:
    from sleap_io import Instance, Labels, Skeleton, Video

FRAME_NAME = '{video}/{frame:06d}.png'  # frame of a video, counted from 0


def read_sleap(source: Path, images: ImageFolder) -> LabelSet:
    """Returns the labels of a SLEAP project (``.slp`` or ``.pkg.slp``).

    A point that is not ``visible`` but has coordinates has visibility 1. Predictions are left
    out. Frames of a video are named ``<video>/<frame, 6 digits>.png``; a video whose name is that
    of another one has its folders before it.

    Raises:
        ImportError: If sleap-io is missing.
        ValueError: If the file cannot be read, or holds no labels of one skeleton.
    """
    project = _load(source)
    if len(project.skeletons) != 1:
        raise ValueError(
            f'{source}: has {len(project.skeletons)} skeletons, expected one; split the project'
        )
    (skeleton,) = project.skeletons
    titles = _titles([_place(video, source) for video in project.videos])
    left_out: Counter[str] = Counter()
    found: list[LabelledImage] = []
    instances: list[LabelledInstance] = []
    for frame in project.labeled_frames:
        row = project.videos.index(frame.video)
        name = _frame_name(frame.video, titles[row], frame.frame_idx, source)
        left_out['predicted instances'] += len(frame.predicted_instances)
        instances += [
            LabelledInstance(len(found), 0, _keypoints(instance))
            for instance in frame.user_instances
        ]
        shape = frame.video.shape  # frames, height, width, channels; None if nobody knows
        wh = (
            (int(shape[2]), int(shape[1])) if shape and all(shape[1:3]) else images.wh(name, source)
        )
        found.append(LabelledImage(name, wh))
    links = [(int(a), int(b)) for a, b in skeleton.edge_inds]
    categories = [skeleton.name or 'animal']
    return LabelSet(skeleton.node_names, links, categories, found, instances, count_notes(left_out))


def write_sleap(labels: LabelSet, target: Path) -> dict[Path, bytes]:
    """Returns the content of a project whose videos are lists of images of one size.

    SLEAP has neither boxes nor categories: the skeleton has the name of the first category.

    Raises:
        ImportError: If sleap-io is missing.
    """
    sleap_io = _sleap_io()
    names = labels.keypoint_names
    links = [(names[a], names[b]) for a, b in labels.skeleton_links]
    skeleton = sleap_io.Skeleton(list(names), links, name=labels.categories[0])
    sizes = list(dict.fromkeys(image.wh for image in labels.images))
    files = {wh: [name for name, size in labels.images if size == wh] for wh in sizes}
    videos = {wh: _image_list(files[wh], wh) for wh in sizes}
    frames = [
        sleap_io.LabeledFrame(
            video=videos[image.wh],
            frame_idx=files[image.wh].index(image.file_name),
            instances=[_instance(instance, skeleton) for instance in instances],
        )
        for image, instances in labels.by_image()
    ]
    project = sleap_io.Labels(frames, videos=list(videos.values()), skeletons=[skeleton])
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'labels.slp'
        project.save(str(path), embed=False, verbose=False)
        return {target: path.read_bytes()}


def _sleap_io() -> Any:
    try:
        import sleap_io
    except ImportError:
        raise ImportError('SLEAP projects need sleap-io: pip install sleap-io') from None
    return sleap_io


def _load(source: Path) -> Labels:
    sleap_io = _sleap_io()
    try:
        return sleap_io.load_slp(str(source), open_videos=False)
    except Exception as error:  # whatever a damaged HDF5 file makes h5py and sleap-io raise
        raise ValueError(
            f'{source} is no SLEAP project that sleap-io can read ({error}); expected a .slp file, '
            'as SLEAP saves it; open older JSON in SLEAP and save it as .slp'
        ) from None


def _place(video: Video, source: Path) -> str:
    """Returns the path of a video, for a ``.pkg.slp`` that of the one it was taken from."""
    if video.source_video is not None and str(video.filename) == source.as_posix():
        return _place(video.source_video, source)
    return video.filename if isinstance(video.filename, str) else ''


def _titles(paths: list[str]) -> list[str]:
    """Returns the shortest end of each path, without suffix, that is no end of another one."""
    plain = (PurePosixPath(path.replace('\\', '/')) for path in paths)
    parts = [path.with_suffix('').parts if path.name else () for path in plain]
    titles = []
    for own in parts:
        lengths = range(1, len(own) + 1)
        others = set(parts) - {own}
        size = next((n for n in lengths if all(o[-n:] != own[-n:] for o in others)), len(own))
        titles.append('/'.join(own[-size:]).lstrip('/') if own else '')
    return titles


def _frame_name(video: Video, title: str, index: int, source: Path) -> str:
    if not isinstance(video.filename, list):
        return FRAME_NAME.format(video=title, frame=index)
    if not 0 <= index < len(video.filename):
        raise ValueError(
            f'{source}: frame {index} is labelled, but its video has {len(video.filename)} images'
        )
    return str(video.filename[index])


def _keypoints(instance: Instance) -> NDArray[np.float64]:
    """Returns (K, 3)."""
    points = instance.points
    labelled = np.isfinite(points['xy']).all(1)
    visibility = np.where(points['visible'], VISIBLE, OCCLUDED) * labelled
    return np.column_stack([np.where(labelled[:, None], points['xy'], 0), visibility])


def _instance(instance: LabelledInstance, skeleton: Skeleton) -> Instance:
    visibility = instance.keypoints[:, 2]
    xy = np.where(visibility[:, None] > 0, instance.keypoints[:, :2], np.nan)
    made = _sleap_io().Instance.from_numpy(xy, skeleton=skeleton)
    made.points['visible'] = visibility == VISIBLE
    return made


def _image_list(names: list[str], wh: tuple[int, int]) -> Video:
    layout = {
        'type': 'ImageVideo',
        'filename': names[0],
        'filenames': names,
        'shape': [len(names), wh[1], wh[0], 3],
        'grayscale': False,
    }
    return _sleap_io().Video(filename=names, backend_metadata=layout, open_backend=False)
