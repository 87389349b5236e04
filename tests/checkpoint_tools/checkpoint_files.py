"""Small checkpoints in the layouts in which pose models are published."""

import torch
from torch import nn

from mmpose.models.backbones import ViT, ViTMoE
from mmpose.models.heads import HeatmapHead
from mmpose.models.pose_estimators import MultiHeadPoseEstimator, TopdownPoseEstimator

DIM, DEPTH, HEADS, PART = 128, 2, 2, 32  # 2 heads is the guess for a width of 128
INPUT_HW = (64, 48)
WIDTHS = (17, 14, 16, 17, 17, 133)
NAMES = ('coco', 'aic', 'mpii', 'ap10k', 'apt36k', 'wholebody')
SKELETONS = ('coco', 'aic', 'mpii', 'ap10k', 'ap10k', 'coco_wholebody')
BACKBONE = dict(img_size=INPUT_HW, embed_dim=DIM, depth=DEPTH, num_heads=HEADS)
SIMPLE = dict(
    deconv_out_channels=(), deconv_kernel_sizes=(), upsample=4, final_layer=dict(kernel_size=3)
)


def head_config(width, decoder='classic', wide=False):
    """The config of a head; only the wide classic one is as large as those of Hugging Face."""
    codec = dict(type='MSRAHeatmap', input_size=INPUT_HW[::-1], heatmap_size=(12, 16), sigma=2)
    widths = (256, 256) if wide else (16, 16)
    layers = dict(deconv_out_channels=widths, deconv_kernel_sizes=(4, 4))
    layers = SIMPLE if decoder == 'simple' else layers
    return dict(type='HeatmapHead', in_channels=DIM, out_channels=width, decoder=codec, **layers)


def plain_config(width=17, metainfo='coco', decoder='classic', wide=False, **options):
    return dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='ViT', **BACKBONE, **options),
        head=head_config(width, decoder, wide),
        metainfo=metainfo,
    )


def plain_model(*args, **options):
    cfg = plain_config(*args, **options)
    cfg.pop('type')
    return draw(TopdownPoseEstimator(**cfg))


class Published(nn.Module):
    """ViTPose+ or, without experts, a multi-task model: its own forward, published names."""

    def __init__(self, widths=WIDTHS, num_experts=6, part=PART, wide=False):
        super().__init__()
        options = dict(num_expert=num_experts, part_features=part) if num_experts else {}
        backbone = ViTMoE if num_experts else ViT
        self.backbone = backbone(**BACKBONE, **options)
        configs = [_without_type(head_config(width, wide=wide)) for width in widths]
        first, *others = (HeatmapHead(**cfg) for cfg in configs)
        self.keypoint_head = first
        self.associate_keypoint_heads = nn.ModuleList(others)

    def forward(self, images, dataset):
        head = self.associate_keypoint_heads[dataset - 1] if dataset else self.keypoint_head
        if not hasattr(self.backbone, 'takes_dataset_idx'):
            return head(self.backbone(images))
        return head(self.backbone(images, torch.full((len(images),), dataset)))


def published(**options):
    return draw(Published(**options))


def draw(model, seed=0):
    """The model in eval mode, every weight drawn so that nothing is hidden by zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith('running_var'):
            tensor.copy_(1 + noise.abs())
        else:
            tensor.copy_(('norm' in name and name.endswith('weight')) + 0.1 * noise)
    return model.eval()


def images():
    return torch.randn(2, 3, *INPUT_HW, generator=torch.Generator().manual_seed(1))


def save(state, path, **others):
    torch.save({'state_dict': state, **others}, path)
    return path


def _without_type(cfg):
    return {key: value for key, value in cfg.items() if key != 'type'}


def multi_head_model(widths=WIDTHS, skeletons=SKELETONS, seed=3, wide=False, **experts):
    backbone = dict(type='ViTMoE', **BACKBONE, part_features=PART, **experts)
    heads = [head_config(width, wide=wide) for width in widths]
    names = [f'data{i}' for i in range(len(widths))]
    return draw(MultiHeadPoseEstimator(backbone, heads, skeletons, names), seed)


def plain_state(wide=False):
    return plain_model(wide=wide).state_dict()


def as_published(state):
    return {k.replace('head.', 'keypoint_head.'): x for k, x in state.items()}


def assert_same(state, expected):
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name
