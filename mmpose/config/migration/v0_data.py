"""Translation of a dataset of MMPose 0.x with its pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmpose.config.migration.datasets import (
    BBOX_PADDING_0X,
    DATASETS_0X,
    DEEPFASHION_SUBSETS,
    REFUSED,
)
from mmpose.config.migration.notes import Part
from mmpose.metainfo import load_metainfo

Config = dict[str, Any]

UPPER_SHARE = 0.6915  # a normal number is below 0.5, which half-body augmentation asks for there
ON_DEVICE = 'crops become tensors and are normalised on the device'
COLLATED = 'the loader packs'
AFTER_CROP = 'acts on the crop instead of the whole image'
PER_VISIT = 'drawn at every visit of a sample, not once when the dataset is loaded'
UNREAD = 'read by nothing in top-down models of MMPose 0.x'
# classes that read bbox_file; any other has annotated boxes, whatever its data_cfg says
DETECTED = ('TopDownCocoDataset', 'TopDownCocoWholeBodyDataset', 'TopDownCrowdPoseDataset',
            'TopDownHalpeDataset', 'TopDownPoseTrack18Dataset')  # fmt: skip
SAME_SKELETON = ('keypoint_names', 'flip_indices', 'upper_body_ids', 'lower_body_ids', 'sigmas',
                 'dataset_keypoint_weights', 'skeleton_links')  # fmt: skip


@dataclass
class Source:
    """Dataset of a head, in our words, and what the rest of the config needs to know of it.

    Attributes:
        kind: Its class there.
        dataset: Its config.
        number: Its place among several datasets.
        target: ``TopDownGenerateTarget`` of its pipeline, if there is one.
        sizes: ``input_size`` and ``heatmap_size`` of its codec.
        preprocessor: ``mean``, ``std`` and order of the channels.
        metric: Rules of the OKS metrics that are not the default.
        num_padded: Keypoints that targets are padded to with empty ones, if so.
    """

    kind: str
    dataset: Config
    number: int = 0
    target: Config | None = None
    sizes: Config = field(default_factory=dict)
    preprocessor: Config = field(default_factory=dict)
    metric: Config = field(default_factory=dict)
    num_padded: int | None = None


def translate_dataset(part: Part, is_train: bool) -> Source:
    """Returns a dataset of MMPose 0.x in our words.

    Args:
        part: The dataset there.
        is_train: Whether it is trained on.
    """
    if part.kind not in DATASETS_0X:
        why = REFUSED.get(part.kind, 'has no counterpart here')
        part.refuse('type', f"'{part.type}' {why}")
        return Source(part.kind, {})
    row = {k: v for k, v in DATASETS_0X[part.kind].items() if (k, v) != ('bbox_clip', '0.x')}
    if part.kind == 'DeepFashionDataset':
        row['metainfo'] = DEEPFASHION_SUBSETS[part.take('subset', '', to='metainfo')]
    part.note_kind(row['type'])
    source = Source(part.kind, dict(row))
    out = source.dataset
    if part.left.get('dataset_info') is None:
        part.notes.inexact[part.place('dataset_info')] = f"'{row['metainfo']}', as it is absent"
    out['metainfo'] = skeleton_of(part, 'dataset_info', row['metainfo'])
    out |= part.keep('ann_file', 'camera_file', 'joint_file')
    out['data_prefix'] = {'img': part.take('img_prefix', '', to='data_prefix.img')}
    rules = part.part('data_cfg')
    _rules(rules, source, is_train)
    out['pipeline'] = _pipeline(part, source, is_train)
    if not is_train:
        out['test_mode'] = True
    part.drop('tools set it', 'test_mode')
    part.drop('every file here is in its own layout', 'coco_style')
    part.finish()
    return source


def skeleton_of(part: Part, key: str, own: str) -> Any:
    """Returns the name of a skeleton, or its dict if it is not one of ours.

    Args:
        part: Has the skeleton of a foreign config, a dict, below a key.
        key: The key.
        own: Name of the skeleton that it is without the key.
    """
    info = part.left.pop(key, None)
    if info is None:
        return own
    try:
        theirs, ours = load_metainfo(info), load_metainfo(own)
    except (ValueError, FileNotFoundError) as error:
        part.refuse(key, f'cannot be read: {error}')
        return own
    pairs = [(getattr(theirs, name), getattr(ours, name)) for name in SAME_SKELETON]
    if all(np.array_equal(a, b) for a, b in pairs):
        part.notes.exact[part.place(key)] = f"metainfo='{own}', in colours of its own"
        return own
    part.notes.exact[part.place(key)] = 'metainfo, the same'
    return info


def _rules(rules: Part, source: Source, is_train: bool) -> None:
    """Takes ``data_cfg``: sizes, boxes and rules of the evaluation."""
    source.sizes = {
        'input_size': tuple(rules.take('image_size', (192, 256), to='decoder.input_size')),
        'heatmap_size': tuple(rules.take('heatmap_size', (48, 64), to='decoder.heatmap_size')),
    }
    for key, size in zip(('image_size', 'heatmap_size'), source.sizes.values(), strict=True):
        if len(size) != 2:
            rules.refuse(key, f'is {size}, expected width and height')
    source.number = rules.take('dataset_idx', 0, to='the place of the dataset')
    source.num_padded = rules.take(
        'max_num_joints', to='each head has the keypoints of its own', like=17
    )
    weights = 'set it to False, and model.use_dataset_keypoint_weights=True'
    rules.expect('use_different_joint_weights', False, why=weights)
    is_given = rules.take('use_gt_bbox', False, to='bbox_file')
    boxes, score = rules.take('bbox_file', ''), rules.take('det_bbox_thr', 0.0, to='bbox_score_thr')
    if boxes and not is_given and not is_train and source.kind in DETECTED:
        source.dataset['bbox_file'] = boxes
        if score:
            source.dataset['bbox_score_thr'] = score
    thresholds = {
        'keypoint_score_thr': (rules.take('vis_thr', 0.2, to='keypoint_score_thr'), 0.2),
        'nms_thr': (rules.take('oks_thr', 0.9, to='nms_thr'), 0.9),
    }
    source.metric = {k: value for k, (value, default) in thresholds.items() if value != default}
    is_soft = rules.take('soft_nms', False, to='nms_mode')
    if not rules.take('use_nms', True, to='nms_mode'):
        source.metric['nms_mode'] = 'none'
    elif is_soft:
        source.metric['nms_mode'] = 'soft_oks_nms'
    rules.drop('the skeleton and the head know it', 'num_joints', 'num_output_channels')
    rules.drop(UNREAD, 'dataset_channel', 'inference_channel', 'nms_thr', 'bbox_thr', 'image_thr',
               'crowd_matching')  # fmt: skip
    rules.finish()


def _pipeline(dataset: Part, source: Source, is_train: bool) -> list[Config]:
    padding = BBOX_PADDING_0X.get(source.kind, 1.25)
    window: Config = {'type': 'GetBBoxCenterScale', 'padding': padding}
    out: list[Config] = [{'type': 'LoadImage'}, window]
    has_boxes = source.dataset['type'] != 'MpiiDataset'
    if is_train and has_boxes and source.dataset.get('bbox_field') != 'center_scale':
        out.append({'type': 'RandomShiftBboxCenter', 'factor': 0.4, 'prob': 0.3})
        dataset.notes.inexact[dataset.place('pipeline')] = f'RandomShiftBboxCenter: {PER_VISIT}'
    late: list[Config] = []
    for part in dataset.parts('pipeline'):
        found = _step(part, source, has_boxes)
        is_late = part.kind in ('Albumentation', 'PhotometricDistortion')
        if found is not None:
            (late if is_late else out).append(found)
        part.finish()
    return out + late


def _step(part: Part, source: Source, has_boxes: bool) -> Config | None:
    """Returns a step in our words; None if something else does its work here."""
    kind = part.kind
    if kind == 'LoadImageFromFile':
        order = part.take('channel_order', 'rgb', to='data_preprocessor.bgr_to_rgb')
        source.preprocessor['bgr_to_rgb'] = order == 'rgb'
        part.expect('color_type', 'color')
        part.drop('the network gets floats anyway', 'to_float32')
        part.expect('file_client_args', None, {'backend': 'disk'}, why='images are local files')
        part.note_kind('LoadImage')
        return None
    if kind == 'NormalizeTensor':
        for key in ('mean', 'std'):
            values = part.take(key, (), to=f'data_preprocessor.{key}, times 255', like=(0.5,))
            source.preprocessor[key] = [round(255 * x, 6) for x in values]
            if len(values) != 3:
                part.refuse(key, f'is {values!r}, expected a number for each of three channels')
        part.note_kind('data_preprocessor')
        return None
    if kind in ('ToTensor', 'Collect'):
        part.drop(COLLATED, *part.left)
        part.notes.dropped[part.place('type')] = ON_DEVICE if kind == 'ToTensor' else COLLATED
        return None
    if kind == 'TopDownGenerateTarget':
        source.target = part.left
        part.left = {}
        part.note_kind('the decoder of the head, which draws targets on the device')
        return None
    return _transform(part, source, has_boxes)


def _transform(part: Part, source: Source, has_boxes: bool) -> Config | None:
    kind = part.kind
    if kind == 'TopDownRandomFlip':
        out = {'type': 'RandomFlip', 'prob': part.take('flip_prob', 0.5, to='prob')}
    elif kind == 'TopDownHalfBodyTransform':
        more_than = part.take('num_joints_half_body', 8, to='min_total_keypoints, one more')
        out = {
            'type': 'RandomHalfBody',
            'min_total_keypoints': more_than + 1,
            'min_upper_keypoints': 3,
            'prob': part.take('prob_half_body', 0.3, to='prob'),
            'upper_prioritized_prob': UPPER_SHARE,
        }
    elif kind == 'TopDownGetRandomScaleRotation':
        out = {
            'type': 'RandomBBoxTransform',
            'distribution': 'clipped_normal',
            'shift_prob': 0,
            'scale_factor': part.take('scale_factor', 0.5),
            'rotate_factor': 2 * part.take('rot_factor', 40, to='rotate_factor, twice as much'),
            'rotate_prob': part.take('rot_prob', 0.6, to='rotate_prob'),
        }
    elif kind == 'TopDownAffine':
        out = {'type': 'TopdownAffine', 'input_size': source.sizes['input_size']}
        if part.take('use_udp', False):
            out['use_udp'] = True
            if not has_boxes:  # a square window, stretched to the crop
                out['fix_aspect'] = False
    elif kind in ('Albumentation', 'PhotometricDistortion'):
        part.expect('keymap', None)
        return part.keep_all(AFTER_CROP)
    else:
        part.refuse('type', f"'{kind}' has no counterpart here")
        part.left.clear()
        return None
    part.note_kind(out['type'])
    return out
