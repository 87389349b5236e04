"""Nodes of a parse graph: channels are split on the way down and composed on the way up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmpose.models.parse_graph.attention import ContextAttention, CrossAttention, concat

Pair = tuple[Tensor, Tensor]
"""Text tokens (B, K, C) and vision tokens (B, N, C)."""
DROP = 0.1


class ParseNode(nn.Module):
    """A node and everything below it.

    The channels of text and vision tokens are divided among the children. What they give is put
    side by side, attends to itself and to the other modality, and is composed by a subclass.

    Args:
        dim: C, channels of the node.
        groups: Number of children of this node, of its children, and so on. Those of the last
            level are no nodes; they only divide the channels of the self-attention.
        root_dim: Channels of the whole graph; None at its root.
    """

    cross_heads: int

    def __init__(self, dim: int, groups: Sequence[int], root_dim: int | None = None) -> None:
        super().__init__()
        if groups[0] < 2 or dim % groups[0]:
            raise ValueError(
                f'a parse-graph node of {dim} channels cannot have {groups[0]} children; set '
                'model.parse_graph.groups to divisors from 2 on'
            )
        self.root_dim = root_dim or dim
        self.groups = groups[0]
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.self_attnt = ContextAttention(dim, self.groups)
        self.self_attnv = ContextAttention(dim, self.groups)
        self.cross_attnt = CrossAttention(dim, self.cross_heads, DROP)
        self.cross_attnv = CrossAttention(dim, self.cross_heads, DROP)
        self.block = nn.ModuleList(
            type(self)(dim // self.groups, groups[1:], self.root_dim)
            for _ in range(self.groups if len(groups) > 1 else 0)
        )

    def forward(self, text: Tensor, vision: Tensor, root: Pair | None = None) -> Pair:
        """Returns the composed tokens, of the shapes of the input.

        Args:
            text: (B, K, C).
            vision: (B, N, C).
            root: Input of the whole graph; None at its root.
        """
        own = (text, vision)
        root = root or own
        if self.block:
            text, vision = self._run_children(own, root)
        query_t, query_v = self.norm1(text), self.norm2(vision)
        to_self = (self.self_attnt(query_t), self.self_attnv(query_v))
        to_other = (self.cross_attnt(query_t, query_v), self.cross_attnv(query_v, query_t))
        return self._compose((text, vision), to_self, to_other, own, root)

    def _run_children(self, own: Pair, root: Pair) -> Pair:
        chunks = zip(*(x.chunk(self.groups, -1) for x in own), strict=True)
        results = [
            child(text, vision, root)
            for child, (text, vision) in zip(self.block, chunks, strict=True)
        ]
        return concat([text for text, _ in results]), concat([vision for _, vision in results])

    def _compose(self, below: Pair, to_self: Pair, to_other: Pair, own: Pair, root: Pair) -> Pair:
        """Returns the tokens of the node.

        Args:
            below: What the children gave.
            to_self: Attention to the own modality.
            to_other: Attention to the other modality.
            own: Input of the node.
            root: Input of the whole graph.
        """
        raise NotImplementedError


class FuseNode(ParseNode):
    """Composes by one linear layer over both attentions (the first published PGVL)."""

    cross_heads = 2

    def __init__(self, dim: int, groups: Sequence[int], root_dim: int | None = None) -> None:
        super().__init__(dim, groups, root_dim)
        self.downv = nn.Linear(2 * dim, dim)
        self.downt = nn.Linear(2 * dim, dim)

    def _compose(self, below: Pair, to_self: Pair, to_other: Pair, own: Pair, root: Pair) -> Pair:
        text = self.downt(torch.cat((to_self[0], to_other[0]), -1)) + below[0]
        vision = self.downv(torch.cat((to_self[1], to_other[1]), -1)) + below[1]
        return text, vision


class GuidedNode(ParseNode):
    """Composes by gates and lets nodes of higher levels guide it (arXiv 2509.07385)."""

    cross_heads = 8

    def __init__(self, dim: int, groups: Sequence[int], root_dim: int | None = None) -> None:
        super().__init__(dim, groups, root_dim)
        self.w = nn.Parameter(torch.tensor(0.5))  # of the guide, text
        self.w1 = nn.Parameter(torch.tensor(0.5))  # of the guide, vision
        self.w2 = nn.Parameter(torch.tensor(0.5))  # of the self-attention, vision
        self.w3 = nn.Parameter(torch.tensor(0.5))  # of the self-attention, text
        self.t_node_w = Guide(dim, (self.root_dim, dim))
        self.v_node_w = Guide(dim, (self.root_dim, dim))

    def _compose(self, below: Pair, to_self: Pair, to_other: Pair, own: Pair, root: Pair) -> Pair:
        text = self.w3.sigmoid() * to_self[0] + to_other[0] + below[0]
        vision = self.w2.sigmoid() * to_self[1] + to_other[1] + below[1]
        text = self.w.sigmoid() * self.t_node_w(text, (root[0], own[0])) + text
        vision = self.w1.sigmoid() * self.v_node_w(vision, (root[1], own[1])) + vision
        return text, vision


class Guide(nn.Module):
    """What tokens of higher levels find in those of a node; they ask, the node answers.

    Args:
        dim: C, channels of the node.
        source_dims: Channels of each source.
    """

    def __init__(self, dim: int, source_dims: Sequence[int]) -> None:
        super().__init__()
        num = len(source_dims)
        self.ta_line = nn.Linear(dim, dim)
        self.linear_transforms = nn.ModuleList(nn.Linear(source, dim) for source in source_dims)
        self.cross_attn_list = nn.ModuleList(
            CrossAttention(dim, GuidedNode.cross_heads) for _ in range(num)
        )
        self.norm1_list = nn.ModuleList(nn.LayerNorm(dim) for _ in range(num))
        self.norm2_list = nn.ModuleList(nn.LayerNorm(dim) for _ in range(num))

    def forward(self, target: Tensor, sources: Sequence[Tensor]) -> Tensor:
        """Returns the sum of what each source found, (B, N, C) like ``target``.

        Args:
            target: (B, N, C). Tokens of the node.
            sources: (B, N, C_i). Tokens of higher levels.
        """
        target = self.ta_line(target)
        parts = zip(
            self.linear_transforms,
            self.cross_attn_list,
            self.norm1_list,
            self.norm2_list,
            sources,
            strict=True,
        )
        found = [
            attend(norm_query(project(source)), norm_target(target))
            for project, attend, norm_query, norm_target, source in parts
        ]
        return sum(found[1:], found[0])
