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

from mmpose.coco.columns import Columns
from mmpose.coco.json_file import read_json
from mmpose.coco.keypoint_arrays import (
    FloatArray,
    KeypointDetections,
    KeypointGroundTruth,
)
from mmpose.evaluation.functional.keypoint_errors import HEAD_SIZE, distances_of, extra_norm

NUM_JOINTS = 16
HEAD_BOX_TO_HEAD = 0.6
FIRST_PIXEL = 1  # of the official coordinates
WINDOW_SIDE = 200.0  # px that a person of scale 1 is high
MAT_FILE = 'mpii_gt_val.mat'
# names in the mat file, in the order of the annotation file; the metrics need those of four letters
MAT_JOINTS = (
    *('rank', 'rkne', 'rhip', 'lhip', 'lkne', 'lank', 'pelvis', 'thorax'),
    *('upper_neck', 'head', 'rwri', 'relb', 'rsho', 'lsho', 'lelb', 'lwri'),
)
# keypoints of each published group, whose value is the mean of their PCKh
KEYPOINT_GROUPS = {
    'Head': ('head',),
    'Shoulder': ('lsho', 'rsho'),
    'Elbow': ('lelb', 'relb'),
    'Wrist': ('lwri', 'rwri'),
    'Hip': ('lhip', 'rhip'),
    'Knee': ('lkne', 'rkne'),
    'Ankle': ('lank', 'rank'),
}
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
    if gt.num_joints != NUM_JOINTS or keypoints.shape[1] != NUM_JOINTS:
        raise ValueError(
            f'{gt.source}: poses have {keypoints.shape[1]} keypoints and annotations '
            f'{gt.num_joints}; MPII has {NUM_JOINTS}'
        )
    distances = distances_of(keypoints, gt, extra_norm(gt, HEAD_SIZE))
    num_labelled = np.isfinite(distances).sum(axis=0)  # (16,)
    num_correct = (distances <= thr).sum(axis=0)
    per_keypoint = np.where(num_labelled > 0, num_correct / np.maximum(num_labelled, 1), np.nan)
    metrics = {}
    for name, members in KEYPOINT_GROUPS.items():
        shares = per_keypoint[[MAT_JOINTS.index(member) for member in members]]
        shares = shares[~np.isnan(shares)]
        metrics[f'{name} PCK'] = 100 * float(shares.mean()) if shares.size else -1.0
    metrics['PCK'] = _share_of_all(distances, thr)
    metrics['PCK@0.1'] = _share_of_all(distances, 0.1)
    return metrics


def _share_of_all(distances: FloatArray, thr: float) -> float:
    """Percentage over all labelled keypoints that count: (N, 16) -> one value."""
    counted = distances[:, [name not in LEFT_OUT for name in MAT_JOINTS]]
    counted = counted[np.isfinite(counted)]
    return 100 * float((counted <= thr).mean()) if counted.size else -1.0


def head_size_of_boxes(box_wh: FloatArray) -> FloatArray:
    """Length of a head by the size of its box: (N, 2) -> (N,), px."""
    return np.asarray(np.hypot(box_wh[:, 0], box_wh[:, 1]) * HEAD_BOX_TO_HEAD)


def load_mpii_annotations(path: str | Path) -> KeypointGroundTruth:
    """Annotations of an MPII file such as ``mpii_val.json``.

    Args:
        path: JSON list of ``{image, center, scale, joints, joints_vis}``, counted from pixel 1;
            ``head_box`` (x1, y1, x2, y2) may be there too.

    Returns:
        One instance per entry, counted from pixel 0: ``ann_id`` is the row, ``image_id`` the
        running number of the image name; ``head_size`` is among the extras if the entries have a
        ``head_box``.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not such a file; the message names entry and field.
    """
    content = read_json(Path(path))
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        raise ValueError(
            f'{path}: not an MPII annotation file; expected a list of persons with image, '
            f'joints and joints_vis, found {type(content).__name__}'
        )
    rows = Columns(Path(path), 'entry', content, numbers=range(len(content)))
    joints = rows.tables('joints', (NUM_JOINTS, 2))
    keypoints_visible = rows.lists('joints_vis', NUM_JOINTS) > 0
    number_of: dict[Any, int] = {}
    image_id = np.array([number_of.setdefault(x, len(number_of)) for x in rows.values('image')])
    bbox_xywh = _windows(rows)
    return KeypointGroundTruth(
        image_ids=np.arange(len(number_of)),
        category_ids=np.array([1]),
        ann_id=np.arange(len(content)),
        image_id=image_id,
        category_id=np.ones(len(content), dtype=np.int64),
        keypoints=joints - FIRST_PIXEL,
        keypoints_visible=keypoints_visible,
        area=bbox_xywh[:, 2] * bbox_xywh[:, 3],
        bbox_xywh=bbox_xywh,
        iscrowd=np.zeros(len(content), dtype=np.bool_),
        num_keypoints=keypoints_visible.sum(axis=1),
        source=str(path),
        extras=_head_sizes(rows),
    )


def _head_sizes(rows: Columns) -> dict[str, FloatArray]:
    if 'head_box' not in rows.items[0]:
        return {}
    corners = rows.lists('head_box', 4)
    return {HEAD_SIZE: head_size_of_boxes(corners[:, 2:] - corners[:, :2])}


def _windows(rows: Columns) -> FloatArray:
    """The square of side 200 * scale px around each person: (N, 4)."""
    center, scale = rows.lists('center', 2), rows.numbers('scale')
    side = WINDOW_SIDE * scale
    # the published loader shifts the centre down, to crop less of the legs
    center = center + np.stack([np.zeros_like(scale), 15 * scale], axis=1) - FIRST_PIXEL
    return np.column_stack([center - side[:, None] / 2, side, side])


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
    if len(names) != NUM_JOINTS or any(
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
        num_keypoints=keypoints_visible[gt.ann_id].sum(axis=1),
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
        beside: The annotation file.

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
        path: The file.
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
