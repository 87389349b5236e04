"""The two attentions of a parse-graph node."""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class ContextAttention(nn.Module):
    """Self-attention over all groups of channels of all tokens at once.

    Each group of each token is an element of one sequence, so a group sees every other group. The
    result is read back in another order than it was written: output token n takes elements
    ``n * g`` to ``n * g + g - 1`` of a sequence that runs through the tokens of the first group,
    then the second one. The published weights were trained with that.

    Args:
        dim: C, width of a token.
        groups: g, number of groups; must divide ``dim``.
    """

    def __init__(self, dim: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the attended tokens, (B, N, C) like ``x``."""
        split = 'b n (qkv g c) -> qkv b (g n) c'
        query, key, value = rearrange(self.qkv(x), split, qkv=3, g=self.groups).unbind(0)
        x = F.scaled_dot_product_attention(query, key, value)
        return self.proj(rearrange(x, 'b (n g) c -> b n (g c)', g=self.groups))  # not undone


class CrossAttention(nn.Module):
    """Multi-head attention of one set of tokens to another.

    Args:
        dim: C, width of a token.
        heads: Number of heads; must divide ``dim``.
        drop: Dropout rate of the output.
    """

    def __init__(self, dim: int, heads: int, drop: float = 0.0) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(
                f'a parse-graph node of {dim} channels cannot have {heads} heads; set '
                'model.parse_graph.dims and groups so that each node is a multiple of it'
            )
        self.heads = heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, dim, bias=False)
        self.v_proj = nn.Linear(dim, dim, bias=False)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(drop)

    def forward(self, query: Tensor, source: Tensor) -> Tensor:
        """Returns what each query token found, (B, N, C) like ``query``.

        Args:
            query: (B, N, C).
            source: (B, M, C). Gives keys and values.
        """
        attended = F.scaled_dot_product_attention(
            self._split(self.q_proj(query)),
            self._split(self.k_proj(source)),
            self._split(self.v_proj(source)),
        )
        return self.proj_drop(self.proj(rearrange(attended, 'b heads n c -> b n (heads c)')))

    def _split(self, x: Tensor) -> Tensor:
        return rearrange(x, 'b n (heads c) -> b heads n c', heads=self.heads)


def concat(parts: list[Tensor]) -> Tensor:
    """Returns (B, N, C) of parts (B, N, c) along the channels; a single part as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)
