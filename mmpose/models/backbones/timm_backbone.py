"""Any image model of timm as a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmpose.models.backbones.foreign import ForeignBackbone, contiguous, one_or_all
from mmpose.registry import MODELS


@MODELS.register_module()
class TimmBackbone(ForeignBackbone):
    """Feature maps of a timm model; layers behind them and the classifier are cut off.

    Transformers and convolutional networks alike give (B, C, H, W) maps, whose channels and strides
    are read from the model. MMPose's HRNet-W32 is
    ``dict(type='TimmBackbone', name='hrnet_w32', out_indices=1, model_args=dict(head=''))``: 32
    channels of stride 4.

    Args:
        name: timm's name of the model, e.g. 'convnext_atto' or 'vit_tiny_patch16_224'.
        pretrained: Download timm's weights.
        img_size: (h, w), input px, for models made for one input size. Leave None for networks
            that take any size.
        out_indices: Which of timm's feature maps: a number, -1 for the last, or several, which come
            as a tuple. Convolutional networks mostly have strides 2, 4, 8, 16, 32; transformers one
            map per block. None is the map that the classifier reads, behind the last convolution of
            MobileNets.
        frozen_stages: -1 trains everything, 0 freezes the stem, n the first n stages (blocks of a
            plain transformer) too.
        norm_eval: Whether batch norms keep their statistics during training.
        upsample_mode: ``mode`` of the upsampling inside the model; 'bilinear' for HRNetV2.
        model_args: Further arguments of the timm model.

    Raises:
        ValueError: If timm knows no such model, or the model takes no such argument.
        ImportError: If timm is not installed.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool = False,
        img_size: tuple[int, int] | None = None,
        out_indices: int | Sequence[int] | None = -1,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        upsample_mode: str | None = None,
        model_args: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = _create_model(name, pretrained, img_size, model_args or {})
        info = list(self.model.feature_info)
        self._indices = _checked_indices(name, out_indices, len(info))
        if self._indices is None:
            self.model.reset_classifier(0, '')
            self.out_channels, self.stride = self.model.num_features, info[-1]['reduction']
        else:
            self.model.prune_intermediate_layers(self._indices, prune_norm=False, prune_head=True)
            _prune_branches(self.model, max(self._indices))
            chosen = [info[i] for i in self._indices]
            self.out_channels = one_or_all([int(one['num_chs']) for one in chosen])
            self.stride = one_or_all([int(one['reduction']) for one in chosen])
        for module in self.model.modules() if upsample_mode else ():
            if isinstance(module, nn.Upsample):
                module.mode, module.align_corners = upsample_mode, False
        self._set_stages(
            _groups(self.model, False), _groups(self.model, True), frozen_stages, norm_eval
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Returns the maps (B, C, h / stride, w / stride) of images (B, 3, h, w)."""
        if self._indices is not None:
            maps = self.model.forward_intermediates(
                x, indices=self._indices, norm=True, output_fmt='NCHW', intermediates_only=True
            )
            return contiguous(maps)
        features = self.model.forward_features(x)
        if features.ndim != 4 or features.shape[1] != self.out_channels:
            raise ValueError(
                f'{type(self.model).__name__} of timm ends with {tuple(features.shape)}, which is '
                'no feature map; set model.backbone.out_indices=-1'
            )
        return features.contiguous()


def _checked_indices(
    name: str, indices: int | Sequence[int] | None, num_maps: int
) -> list[int] | None:
    """Returns the numbers of the maps in rising order, as timm gives them."""
    if indices is None:
        return None
    wanted = [indices] if isinstance(indices, int) else list(indices)
    if not wanted or not all(-num_maps <= index < num_maps for index in wanted):
        raise ValueError(
            f"'{name}' has {num_maps} feature maps, got out_indices={indices}; set "
            'model.backbone.out_indices'
        )
    found = [index % num_maps for index in wanted]
    if found != sorted(set(found)):
        raise ValueError(f'model.backbone.out_indices is {indices}, expected rising numbers')
    return found


def _prune_branches(model: nn.Module, last: int) -> None:
    """Cuts off what makes the branches of an HRNet behind map ``last``, which nothing reads."""
    if hasattr(model, 'stage4') and getattr(model, 'incre_modules', model) is None and last:
        module = model.stage4[-1]
        module.fuse_layers = module.fuse_layers[:last]


def _create_model(
    name: str, pretrained: bool, img_size: tuple[int, int] | None, model_args: dict[str, Any]
) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ImportError('TimmBackbone needs timm; install it with: pip install timm') from error

    if ':' not in name and not timm.is_model(name.partition('.')[0]):
        raise ValueError(
            f"timm {timm.__version__} has no model '{name}'; set model.backbone.name to one of "
            'timm.list_models()'
        )
    arguments = dict(model_args)
    if img_size is not None:
        arguments['img_size'] = tuple(img_size)
    try:
        model = timm.create_model(name, pretrained=pretrained, **arguments)
    except TypeError as error:
        raise ValueError(
            f"timm model '{name}' cannot be built with {arguments}: {error}; change "
            'model.backbone.img_size or model.backbone.model_args'
        ) from error
    if not hasattr(model, 'forward_intermediates'):
        raise ValueError(
            f"timm {timm.__version__} gives no feature maps of '{name}'; choose another "
            'model.backbone.name'
        )
    return model


def _groups(model: nn.Module, coarse: bool) -> dict[str, int]:
    """Returns parameter -> its layer, or its stage, by timm's own grouping of the model."""
    from timm.models import group_parameters

    return group_parameters(model, model.group_matcher(coarse=coarse), reverse=True)
