"""Data sets of MMPose 1.x and 0.x: class name there -> arguments of the dataset here.

The rows say what the class there does by itself: the skeleton, the fields that hold keypoints and
boxes, and where boxes end. Whatever stands in the foreign config beside ``type`` comes on top of
it (``metainfo``, ``ann_file``, ...). ``DeepFashionDataset`` has a row per ``subset``.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

CENTER_SCALE: Row = {'bbox_field': 'center_scale'}
CENTER_ZOOM: Row = {'bbox_field': 'center_zoom'}
WHOLE_IMAGE: Row = {'bbox_field': 'image'}
FACES: Row = {'keypoint_field': 'face_kpts', 'bbox_field': 'face_box'}
HANDS: Row = {
    'keypoint_field': ('lefthand_kpts', 'righthand_kpts'),
    'bbox_field': ('lefthand_box', 'righthand_box'),
}


def _coco(metainfo: str, bbox_clip: str, **further: Any) -> Row:
    return {'type': 'CocoDataset', 'metainfo': metainfo, 'bbox_clip': bbox_clip, **further}


def _whole_body(bbox_clip: str) -> Row:
    return {**_coco('coco_wholebody', bbox_clip), 'type': 'CocoWholeBodyDataset'}


# class: skeleton; boxes are clipped to the image, and end at x + w
_PLAIN_1X = {
    'AicDataset': 'aic', 'AnimalKingdomDataset': 'animalkingdom', 'AnimalPoseDataset': 'animalpose',
    'AP10KDataset': 'ap10k', 'ATRWDataset': 'atrw', 'CocoDataset': 'coco', 'COFWDataset': 'cofw',
    'CrowdPoseDataset': 'crowdpose', 'DeepFashion2Dataset': 'deepfashion2',
    'DeepFashionDataset': 'deepfashion_full', 'ExlposeDataset': 'exlpose',
    'Face300WLPDataset': '300w', 'FlyDataset': 'fly', 'HalpeDataset': 'halpe',
    'Horse10Dataset': 'horse10', 'HumanArtDataset': 'coco', 'LapaDataset': 'lapa',
    'MacaqueDataset': 'macaque', 'MhpDataset': 'mhp', 'OCHumanDataset': 'coco',
    'OneHand10KDataset': 'onehand10k', 'PanopticHand2DDataset': 'panoptic_hand',
    'PoseTrack18Dataset': 'posetrack18',
}  # fmt: skip
# the same for 0.x: boxes end at the pixel x + w - 1, or are left as they are
_CLIPPED_0X = {
    'AnimalAP10KDataset': 'ap10k', 'AnimalATRWDataset': 'atrw', 'AnimalMacaqueDataset': 'macaque',
    'AnimalPoseDataset': 'animalpose', 'TopDownAicDataset': 'aic', 'TopDownCocoDataset': 'coco',
    'TopDownCrowdPoseDataset': 'crowdpose', 'TopDownHalpeDataset': 'halpe',
    'TopDownMhpDataset': 'mhp', 'TopDownOCHumanDataset': 'coco',
    'TopDownPoseTrack18Dataset': 'posetrack18',
}  # fmt: skip
_UNCLIPPED_0X = {
    'AnimalHorse10Dataset': 'horse10', 'DeepFashionDataset': 'deepfashion_full',
    'FaceCOFWDataset': 'cofw', 'OneHand10KDataset': 'onehand10k',
    'PanopticDataset': 'panoptic_hand',
}  # fmt: skip

DATASETS_1X: dict[str, Row] = {
    **{name: _coco(metainfo, '1.x') for name, metainfo in _PLAIN_1X.items()},
    'AFLWDataset': _coco('aflw', 'none', **CENTER_SCALE),
    'CocoWholeBodyDataset': _whole_body('1.x'),
    'CocoWholeBodyFaceDataset': _coco('coco_wholebody_face', '1.x', **FACES),
    'CocoWholeBodyHandDataset': _coco('coco_wholebody_hand', 'none', **HANDS),
    'Face300VWDataset': _coco('300w', 'none', **CENTER_SCALE),
    'Face300WDataset': _coco('300w', 'none', **CENTER_SCALE),
    'FreiHandDataset': _coco('freihand', 'none', **WHOLE_IMAGE),
    'HumanArt21Dataset': _coco('humanart21', '1.x', keypoint_field='keypoints_21'),
    'JhmdbDataset': _coco('jhmdb', '1.x', first_pixel=1),
    'LocustDataset': _coco('locust', 'none', **WHOLE_IMAGE),
    'MpiiDataset': {'type': 'MpiiDataset', 'metainfo': 'mpii'},
    'MpiiTrbDataset': _coco('mpii_trb', 'none', **CENTER_ZOOM),
    'Rhd2DDataset': _coco('rhd', '1.x', trust_order=True),
    'UBody2dDataset': _whole_body('1.x'),
    'WFLWDataset': _coco('wflw', 'none', **CENTER_SCALE),
    'ZebraDataset': _coco('zebra', 'none', **WHOLE_IMAGE),
}
DATASETS_0X: dict[str, Row] = {
    **{name: _coco(metainfo, '0.x') for name, metainfo in _CLIPPED_0X.items()},
    **{name: _coco(metainfo, 'none') for name, metainfo in _UNCLIPPED_0X.items()},
    'AnimalFlyDataset': _coco('fly', 'none', **WHOLE_IMAGE),
    'AnimalLocustDataset': _coco('locust', 'none', **WHOLE_IMAGE),
    'AnimalZebraDataset': _coco('zebra', 'none', **WHOLE_IMAGE),
    'Face300WDataset': _coco('300w', 'none', **CENTER_SCALE),
    'FaceAFLWDataset': _coco('aflw', 'none', **CENTER_SCALE),
    'FaceCocoWholeBodyDataset': _coco('coco_wholebody_face', 'none', **FACES),
    'FaceWFLWDataset': _coco('wflw', 'none', **CENTER_SCALE),
    'FreiHandDataset': _coco('freihand', 'none', **WHOLE_IMAGE),
    'HandCocoWholeBodyDataset': _coco('coco_wholebody_hand', 'none', **HANDS),
    'InterHand2DDataset': {'type': 'InterHand2DDataset', 'metainfo': 'interhand2d'},
    'Rhd2DDataset': _coco('rhd', 'none', trust_order=True),
    'TopDownCocoWholeBodyDataset': _whole_body('0.x'),
    'TopDownH36MDataset': _coco('h36m', 'none', trust_order=True),
    'TopDownJhmdbDataset': _coco('jhmdb', '0.x', first_pixel=1),
    'TopDownMpiiDataset': {'type': 'MpiiDataset', 'metainfo': 'mpii'},
    'TopDownMpiiTrbDataset': _coco('mpii_trb', 'none', **CENTER_ZOOM),
}
DEEPFASHION_SUBSETS = {
    subset: f'deepfashion_{subset or "full"}' for subset in ('', 'full', 'upper', 'lower')
}
# Factor on the box that the classes of 0.x apply themselves, where it is not 1.25.
BBOX_PADDING_0X = {
    'AnimalATRWDataset': 1.0, 'AnimalFlyDataset': 0.8, 'AnimalLocustDataset': 0.8,
    'AnimalZebraDataset': 0.8, 'FreiHandDataset': 0.8, 'InterHand2DDataset': 1.5,
    'PanopticDataset': 1.76, 'TopDownMpiiTrbDataset': 1.0,
}  # fmt: skip
_3D = 'has 3D poses, which this project does not train'
_BOTTOM_UP = 'is for bottom-up models, which this project does not have'
REFUSED = {
    'Body3DH36MDataset': _3D, 'Body3DMpiInf3dhpDataset': _3D,
    'Body3DMviewDirectPanopticDataset': _3D, 'Body3DSemiSupervisionDataset': _3D,
    'BottomUpAicDataset': _BOTTOM_UP, 'BottomUpCocoDataset': _BOTTOM_UP,
    'BottomUpCocoWholeBodyDataset': _BOTTOM_UP, 'BottomUpCrowdPoseDataset': _BOTTOM_UP,
    'BottomUpMhpDataset': _BOTTOM_UP, 'H36MWholeBodyDataset': _3D, 'Human36mDataset': _3D,
    'InterHand2DDoubleDataset': 'has both hands in one instance; InterHand2DDataset has one',
    'InterHand3DDataset': _3D, 'MeshAdversarialDataset': _3D, 'MeshH36MDataset': _3D,
    'PoseTrack18VideoDataset': 'has several frames per sample; this project takes one',
    'TopDownPoseTrack18VideoDataset': 'has several frames per sample; this project takes one',
    'UBody3dDataset': _3D,
}  # fmt: skip
