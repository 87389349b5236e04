"""Text and vision tokens of one image, put in relation by parse graphs over their channels."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmpose.models.backbones.vit_layers import Mlp
from mmpose.models.parse_graph.attention import concat
from mmpose.models.parse_graph.node import DROP, FuseNode, GuidedNode
from mmpose.registry import MODELS

VARIANTS = {'fuse': FuseNode, 'guided': GuidedNode}
MODES = (1, 2, 3, 4, 5)


@MODELS.register_module()
class ParseGraph(nn.Module):
    """Parse graphs side by side; each takes the tokens apart and composes them again.

    Parse graph-based visual-language interaction for human pose estimation, Liu et al. 2025
    (arXiv 2509.07385), and the network that was published before the paper. A graph says how
    channels are grouped; it knows nothing of keypoints. Parameter names are those of the published
    weights.

    Args:
        variant: 'fuse' for the nodes of the first published network, 'guided' for the paper's.
        dims: p_j, channels of each graph; S is their sum.
        dim: D, channels of the tokens that come in.
        mode: How graphs of 'guided' are joined. 1: side by side, S channels; tokens go into a
            graph of D channels as they are. 2: one linear layer over them, S channels. 3 or 4: to
            D channels, by a linear layer if S differs. 5: as they are if there is one, which then
            has D channels, or as 2.
        project_all: For 'fuse', whether tokens go through a linear layer into a graph that has
            their D channels already; the graphs are joined to D channels by a linear layer.
        groups: Children of the root of a graph, of each node below it, and so on.

    Attributes:
        in_channels: D.
        out_channels: Channels of the tokens that come out.

    Raises:
        ValueError: If the arguments do not fit each other.
    """

    def __init__(
        self,
        variant: str,
        dims: Sequence[int],
        dim: int,
        mode: int | None = None,
        project_all: bool = False,
        groups: Sequence[int] = (2, 2, 2),
    ) -> None:
        super().__init__()
        _check(variant, dims, dim, mode, project_all)
        total, num = sum(dims), len(dims)
        self.in_channels = dim
        joins_to_dim = variant == 'fuse' or mode in (3, 4)
        self.out_channels = dim if joins_to_dim else total
        is_reduced = variant == 'fuse' or mode == 2 or (mode == 5 and num > 1)
        is_reduced |= mode in (3, 4) and total != dim
        is_lifted = mode in (1, 2) or (mode == 5 and num > 1)
        is_projected = project_all if variant == 'fuse' else mode != 1

        def into(width: int) -> nn.Module:
            return nn.Linear(dim, width) if is_projected or width != dim else nn.Identity()

        def in_list(module: nn.Module) -> nn.ModuleList:
            return nn.ModuleList([module])  # the published weights have a list of one block

        node, width = VARIANTS[variant], self.out_channels
        self.parse_layers = in_list(nn.ModuleList(node(x, groups) for x in dims))
        for side in ('t', 'v'):
            reduce = nn.Linear(total, width) if is_reduced else nn.Identity()
            lift = nn.Linear(dim, total) if is_lifted else nn.Identity()
            setattr(self, f'linear_transform_{side}', in_list(nn.ModuleList(map(into, dims))))
            setattr(self, f'linear_layers_{side}', in_list(reduce))
            setattr(self, f'up_{side}', in_list(lift))
            setattr(self, f'norm_layers_{side}', in_list(nn.LayerNorm(width)))
            setattr(self, f'mlp_layers_{side}', in_list(Mlp(width, 4 * width, DROP)))

    def forward(self, text: Tensor, vision: Tensor) -> tuple[Tensor, Tensor]:
        """Returns text tokens (B, K, E) and vision tokens (B, N, E), E being ``out_channels``.

        Args:
            text: (B, K, D).
            vision: (B, N, D).
        """
        composed = [
            graph(project_t(text), project_v(vision))
            for graph, project_t, project_v in zip(
                self.parse_layers[0],
                self.linear_transform_t[0],
                self.linear_transform_v[0],
                strict=True,
            )
        ]
        text = self.linear_layers_t[0](concat([x for x, _ in composed])) + self.up_t[0](text)
        vision = self.linear_layers_v[0](concat([x for _, x in composed])) + self.up_v[0](vision)
        text = text + self.mlp_layers_t[0](self.norm_layers_t[0](text))
        vision = vision + self.mlp_layers_v[0](self.norm_layers_v[0](vision))
        return text, vision


def _check(
    variant: str, dims: Sequence[int], dim: int, mode: int | None, project_all: bool
) -> None:
    if variant not in VARIANTS:
        raise ValueError(f"model.parse_graph.variant is '{variant}', expected 'fuse' or 'guided'")
    if not dims:
        raise ValueError('model.parse_graph.dims is empty; give the channels of each graph')
    if variant == 'fuse' and mode is not None:
        raise ValueError(
            f"model.parse_graph.mode is {mode}, but variant 'fuse' has none; remove it"
        )
    if variant == 'guided' and (mode not in MODES or project_all):
        raise ValueError(
            f"model.parse_graph has mode={mode} and project_all={project_all}; variant 'guided' "
            'needs a mode from 1 to 5, which also says what is projected'
        )
    if mode == 5 and len(dims) == 1 and dims[0] != dim:
        raise ValueError(
            f'model.parse_graph has mode 5 and one graph of {dims[0]} channels for tokens of '
            f'{dim}; set dims=({dim},), or mode 3'
        )
