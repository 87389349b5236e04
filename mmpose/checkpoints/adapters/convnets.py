"""ResNet, ResNetV1d, ResNeXt, SEResNet, ResNeSt and HRNet of MMPose: their names, and timm's.

Those of torchvision, mmpretrain and HRNet's authors have the same names. Our model is a
``TimmBackbone``, whose parameters begin with ``model.``.
"""

from __future__ import annotations

import re

from torch import nn

from mmpose.checkpoints.formats import (
    Converted,
    Format,
    StateDict,
    drop_names,
    has_name,
    split_backbone,
    translate,
    with_prefix,
)

# timm's name, MMPose's, of a network with a stem of three convolutions, whose shortcuts have a
# pooling layer in timm also where it does nothing
DEEP_STEM = (
    ('conv1.0.', 'stem.0.conv.'),
    ('conv1.1.', 'stem.0.bn.'),
    ('conv1.3.', 'stem.1.conv.'),
    ('conv1.4.', 'stem.1.bn.'),
    ('conv1.6.', 'stem.2.conv.'),
    ('bn1.', 'stem.2.bn.'),
    ('layer1.0.downsample.1.', 'layer1.0.downsample.0.'),
    ('layer1.0.downsample.2.', 'layer1.0.downsample.1.'),
)
SQUEEZE = (('.se.fc1.', '.se_layer.conv1.conv.'), ('.se.fc2.', '.se_layer.conv2.conv.'))
CLASSIFIER = {
    r'^data_preprocessor\.': 'set by the config',
    r'^((backbone\.)?(fc|classifier|incre_modules|downsamp_modules|final_layer)|head\.fc)\.': (
        'a pose model has no classifier'
    ),
}
OURS = r'^backbone\.model\.(layer1|stage2)\.0\.'


def is_convnet(state: StateDict) -> bool:
    """Tells whether weights have the first stage of a ResNet, or of an HRNet, of MMPose."""
    return has_name(state, r'^(backbone\.)?layer1\.0\.conv1\.weight$')


def from_convnet(state: StateDict) -> Converted:
    """Returns a pose model, or a backbone alone, under our names."""
    kept, dropped = drop_names(state, CLASSIFIER)
    is_deep = has_name(state, r'^(backbone\.)?stem\.0\.conv\.')
    is_whole = has_name(state, r'^backbone\.')
    inner, others = split_backbone(kept) if is_whole else (kept, {})
    renamed = {f'model.{_rename(k, is_deep, is_import=True)}': x for k, x in inner.items()}
    if is_whole:
        heads = {re.sub(r'^keypoint_head\.', 'head.', k): x for k, x in others.items()}
        renamed = with_prefix('backbone.', renamed) | heads
    return Converted(renamed, dropped)


def to_convnet(state: StateDict) -> tuple[StateDict, tuple[str, ...]]:
    """Returns weights in the names of MMPose 1.x, and no notes."""
    is_deep = has_name(state, r'^backbone\.model\.conv1\.0\.')
    renamed: StateDict = {}
    for name, tensor in state.items():
        if name.startswith('backbone.model.'):
            inner = _rename(name.removeprefix('backbone.model.'), is_deep, is_import=False)
            name = f'backbone.{inner}'
        renamed[name] = tensor
    return renamed, ()


def fit_branches(state: StateDict, backbone: nn.Module) -> tuple[StateDict, list[str]]:
    """Returns the weights of an HRNet without those of branches that the backbone has cut off."""
    target = backbone.state_dict()
    fused = re.compile(r'model\.stage4\.\d+\.fuse_layers\.')
    unused = [name for name in state if fused.match(name) and name not in target]
    if not unused or not any(fused.match(name) for name in target):
        return state, []
    kept = {name: tensor for name, tensor in state.items() if name not in unused}
    return kept, [f'{len(unused)} tensors of branches that no head reads were left out']


def _rename(name: str, is_deep: bool, is_import: bool) -> str:
    if is_deep:
        name = translate(name, DEEP_STEM, is_import)
    return translate(name, SQUEEZE, is_import, before=r'^layer\d+\.\d+')


CONVNET = Format('mmpose-convnet', 'ResNet or HRNet of MMPose', is_convnet, from_convnet)
