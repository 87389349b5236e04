"""Any image model of timm as a backbone."""

from typing import Any

from torch import Tensor, nn

from mmpose.registry import MODELS


@MODELS.register_module()
class TimmBackbone(nn.Module):
    """One feature map of a timm model; layers behind it and the classifier are cut off.

    Transformers and convolutional networks alike give a (B, C, H, W) map. Its channels and stride
    are read from the model.

    Args:
        name: timm's name of the model, e.g. 'convnext_atto' or 'vit_tiny_patch16_224'.
        pretrained: Download timm's weights.
        img_size: (h, w), input px, for models made for one input size. Leave None for networks
            that take any size.
        out_index: Which feature map to use; -1 is the last.
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
        out_index: int = -1,
        model_args: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = _create_model(name, pretrained, img_size, model_args or {})
        num_maps = len(self.model.feature_info)
        if not -num_maps <= out_index < num_maps:
            raise ValueError(
                f"'{name}' has {num_maps} feature maps, got out_index={out_index}; "
                'set model.backbone.out_index'
            )
        indices = [out_index % num_maps]
        self.model.prune_intermediate_layers(indices, prune_norm=False, prune_head=True)
        self._indices = indices
        self.out_channels = int(self.model.feature_info[indices[0]]['num_chs'])
        self.stride = int(self.model.feature_info[indices[0]]['reduction'])
        self._depths = _layer_depths(self.model)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the feature map (B, C, h / stride, w / stride) of images (B, 3, h, w)."""
        (features,) = self.model.forward_intermediates(
            x, indices=self._indices, norm=True, output_fmt='NCHW', intermediates_only=True
        )
        return features.contiguous()

    @property
    def num_layers(self) -> int:
        """Number of depths for layer-wise learning rates, one of them for the head behind."""
        return max(self._depths.values()) + 2

    def get_layer_depth(self, name: str) -> int:
        """Returns the depth of a parameter by timm's own grouping of the model.

        Args:
            name: Parameter name relative to the backbone, e.g. 'model.blocks.3.norm1.weight'.

        Raises:
            ValueError: If the backbone has no such parameter.
        """
        if name not in self._depths:
            raise ValueError(f"the timm backbone has no parameter '{name}'")
        return self._depths[name]

    def no_weight_decay(self) -> set[str]:
        """Returns the names of parameters without weight decay, besides biases and norms."""
        if not hasattr(self.model, 'no_weight_decay'):
            return set()
        return {f'model.{name}' for name in self.model.no_weight_decay()}


def _create_model(
    name: str, pretrained: bool, img_size: tuple[int, int] | None, model_args: dict[str, Any]
) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ImportError('TimmBackbone needs timm; install it with: pip install timm') from error

    if ':' not in name and not timm.is_model(name):
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


def _layer_depths(model: nn.Module) -> dict[str, int]:
    from timm.models import group_parameters

    depths = group_parameters(model, model.group_matcher(coarse=False), reverse=True)
    return {f'model.{name}': depth for name, depth in depths.items()}
