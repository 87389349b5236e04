"""PCKh of MPII: the share of keypoints within half the size of the head.

Andriluka et al., CVPR 2014 (http://human-pose.mpi-inf.mpg.de). The published values come from
``mpii_gt_val.mat``, whose coordinates count pixels from 1; all arrays here count from 0. A head is
as long as 0.6 of the diagonal of its box (``SC_BIAS`` of the official tool). Pelvis and thorax are
not among the keypoints of the mean.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmpose.coco.keypoint_arrays import (
    HEAD_SIZE,
    FloatArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.coco.mpii_reader import FIRST_PIXEL, NUM_KEYPOINTS, head_size_of_boxes, read_mpii
from mmpose.evaluation.functional.keypoint_errors import (
    distances_of,
    keypoint_accuracies,
    mean_of_known,
    norm_lengths,
)

MAT_FILE = 'mpii_gt_val.mat'
# names in the mat file, in the order of the annotation file; the metrics need those of four letters
MAT_JOINTS = (
    *('rank', 'rkne', 'rhip', 'lhip', 'lkne', 'lank', 'pelvis', 'thorax'),
    *('upper_neck', 'head', 'rwri', 'relb', 'rsho', 'lsho', 'lelb', 'lwri'),
)
# keypoints of each published group, whose value is the mean of their PCKh
KEYPOINT_GROUPS = {
    'Head': ('head',), 'Shoulder': ('lsho', 'rsho'), 'Elbow': ('lelb', 'relb'),
    'Wrist': ('lwri', 'rwri'), 'Hip': ('lhip', 'rhip'), 'Knee': ('lkne', 'rkne'),
    'Ankle': ('lank', 'rank'),
}  # fmt: skip
LEFT_OUT = ('pelvis', 'thorax')


def evaluate_mpii(
    keypoints: FloatArray, gt: KeypointGroundTruth, thr: float = 0.5
) -> dict[str, float]:
    """Published metrics of MPII.

    Args:
        keypoints: (N, 16, 2), image px counted from 0.
        gt: The N instances of the poses, with ``head_size`` among their extras.
        thr: Largest distance of a correct keypoint, in head sizes.

    Returns:
        ``Head PCK``, ``Shoulder PCK``, ``Elbow PCK``, ``Wrist PCK``, ``Hip PCK``, ``Knee PCK``,
        ``Ankle PCK`` (means of left and right), ``PCK`` (over all labelled keypoints but pelvis
        and thorax) and ``PCK@0.1``, in percent; -1 where nothing is labelled.

    Raises:
        ValueError: If there are no head sizes, or the poses do not have 16 keypoints.
    """
    if gt.num_keypoints != NUM_KEYPOINTS or keypoints.shape[1] != NUM_KEYPOINTS:
        raise ValueError(
            f'{gt.source}: poses have {keypoints.shape[1]} keypoints and annotations '
            f'{gt.num_keypoints}; MPII has {NUM_KEYPOINTS}'
        )
    distances = distances_of(keypoints, gt, norm_lengths(gt, HEAD_SIZE))
    accuracies = keypoint_accuracies(distances, np.nextafter(thr, np.inf))  # thr itself is correct
    shares = {
        f'{name} PCK': accuracies[[MAT_JOINTS.index(member) for member in members]]
        for name, members in KEYPOINT_GROUPS.items()
    }
    counted = distances[:, [name not in LEFT_OUT for name in MAT_JOINTS]]
    for name, limit in (('PCK', thr), ('PCK@0.1', 0.1)):
        shares[name] = np.where(np.isnan(counted), np.nan, counted <= limit)
    means = {name: mean_of_known(values) for name, values in shares.items()}
    return {name: 100 * mean if mean >= 0 else mean for name, mean in means.items()}


def load_mpii_annotations(path: str | Path) -> KeypointGroundTruth:
    """Annotations of an MPII file such as ``mpii_val.json``; see ``coco.mpii_reader``."""
    return read_mpii(Path(path), needs_labels=True)


def with_official_mat(gt: KeypointGroundTruth, path: str | Path) -> KeypointGroundTruth:
    """The same instances with keypoints, visibility and head sizes of ``mpii_gt_val.mat``.

    Args:
        gt: Instances of the annotation file; ``ann_id`` is the row of the file.
        path: The mat file, which has one column per row of the annotation file.

    Returns:
        Ground truth in the order of ``gt``.

    Raises:
        FileNotFoundError: If the file is missing.
        ImportError: If scipy, which reads it, is not installed.
        ValueError: If it is not such a file or holds another number of persons.
    """
    mat = _read_mat(path)
    names = [str(np.ravel(name)[0]) for name in np.ravel(mat['dataset_joints'])]
    if len(names) != NUM_KEYPOINTS or any(
        len(ours) == 4 and ours != theirs for ours, theirs in zip(MAT_JOINTS, names, strict=True)
    ):
        raise ValueError(f'{path}: dataset_joints are {names}; expected {list(MAT_JOINTS)}')
    points = np.asarray(mat['pos_gt_src'], dtype=np.float64)  # (16, 2, N)
    num, num_rows = points.shape[2], int(gt.ann_id.max(initial=-1)) + 1
    if num != num_rows:
        raise ValueError(
            f'{path} has {num} persons but {gt.source} has {num_rows} rows; use the annotation '
            'file of the same split (mpii_val.json), whole'
        )
    boxes = np.asarray(mat['headboxes_src'], dtype=np.float64)  # (2 corners, 2, N)
    head_size = head_size_of_boxes((boxes[1] - boxes[0]).T)
    keypoints_visible = np.asarray(mat['jnt_missing']).T == 0  # (16, N) -> (N, 16)
    return replace(
        gt,
        keypoints=(points.transpose(2, 0, 1) - FIRST_PIXEL)[gt.ann_id],  # (16, 2, N) -> (N, 16, 2)
        keypoints_visible=keypoints_visible[gt.ann_id],
        num_labelled=keypoints_visible[gt.ann_id].sum(axis=1),
        source=str(path),
        extras={**gt.extras, HEAD_SIZE: head_size[gt.ann_id]},
    )


def mpii_ground_truth(
    gt: KeypointGroundTruth, mat_file: str | Path | None, beside: str | Path
) -> KeypointGroundTruth:
    """Ground truth with head sizes: of the mat file, or those that ``gt`` has.

    Args:
        gt: Instances of the annotation file.
        mat_file: The mat file. If None, ``mpii_gt_val.mat`` beside the annotation file, because
            it is what the published values come from; or the head sizes that ``gt`` has, if
            there is no such file or it is of another split.

    Returns:
        Ground truth in the order of ``gt``.

    Raises:
        ValueError: If there are no head sizes anywhere.
    """
    neighbour = Path(beside).with_name(MAT_FILE)
    if mat_file is not None:
        return with_official_mat(gt, mat_file)
    if neighbour.is_file():
        try:
            return with_official_mat(gt, neighbour)
        except (ImportError, ValueError):
            if HEAD_SIZE not in gt.extras:
                raise
    if HEAD_SIZE in gt.extras:
        return gt
    raise ValueError(
        f"{beside}: the entries have no 'head_box' and there is no {MAT_FILE} beside them; PCKh "
        'needs one of them, so put the file there, name it (gt_mat), or add head boxes'
    )


def write_pred_mat(path: str | Path, detections: KeypointDetections) -> None:
    """Writes the file that the official tool reads: ``preds`` (N, 16, 2), counted from pixel 1.

    Args:
        path: File to write; its folder is made if needed.
        detections: Poses with ``ann_id`` among their extras; they are written in its order.
    """
    from scipy.io import savemat

    order = np.argsort(detections.extras['ann_id'])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    savemat(str(path), {'preds': detections.keypoints[order] + FIRST_PIXEL})


def load_matlab(path: str | Path, expected: str, as_structs: bool = False) -> dict[str, Any]:
    """The variables of a MATLAB file by name.

    Args:
        expected: What it should be, for messages.
        as_structs: Give structures as objects and drop dimensions of length 1.

    Raises:
        FileNotFoundError: If the file is missing.
        ImportError: If scipy, which reads it, is not installed.
        ValueError: If it cannot be read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file; expected {expected}')
    try:
        from scipy.io import loadmat
    except ImportError:
        raise ImportError(f'{path}: scipy reads this file; pip install scipy') from None
    try:
        content: dict[str, Any] = loadmat(
            str(path), struct_as_record=not as_structs, squeeze_me=as_structs
        )
    except (ValueError, TypeError, OSError, NotImplementedError, EOFError) as error:
        raise ValueError(f'{path} is not a readable MATLAB file: {error}') from error
    return content


def _read_mat(path: str | Path) -> dict[str, Any]:
    mat = load_matlab(path, f'{MAT_FILE} of MPII')
    shapes = {
        'dataset_joints': 'names of 16 joints',
        'jnt_missing': '(16, N)',
        'pos_gt_src': '(16, 2, N)',
        'headboxes_src': '(2, 2, N)',
    }
    for name, shape in shapes.items():
        if name not in mat:
            raise ValueError(f"{path}: '{name}' {shape} is missing; expected {MAT_FILE} of MPII")
    return mat
