"""Parts of a vision transformer block."""

from contextlib import AbstractContextManager, nullcontext

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

NORM_EPS = 1e-6  # of every LayerNorm in MAE, ViTPose and HAP


class DropPath(nn.Module):
    """Drops a residual branch of some samples and scales the kept ones by 1 / (1 - rate).

    Deep networks with stochastic depth, Huang et al. 2016, one draw per sample.

    Args:
        rate: Probability of dropping the branch, in (0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``x`` (B, ...), some samples zeroed while training."""
        if not self.training:
            return x
        keep = 1 - self.rate
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * (mask / keep)

    def extra_repr(self) -> str:
        """Returns the rate, for printing the model."""
        return f'rate={self.rate:.3f}'


class Attention(nn.Module):
    """Multi-head self-attention with one projection for query, key and value.

    Args:
        dim: D, width of a token.
        num_heads: Number of heads; must divide ``dim``.
        qkv_bias: Whether the query, key and value projections have a bias.
        qk_scale: Factor on the products of queries and keys; None is ``head_dim ** -0.5``.
        attn_drop: Dropout rate of the attention weights.
        proj_drop: Dropout rate of the output.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
    ) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(
                f'embed_dim={dim} is not a multiple of num_heads={num_heads}; '
                'set model.backbone.num_heads to a divisor of embed_dim'
            )
        self.num_heads = num_heads
        self.qk_scale = qk_scale
        self.attn_drop = attn_drop
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the attended tokens, (B, T, D) like ``x``."""
        split = 'b t (qkv heads d) -> b t qkv heads d'  # one copy in the backward pass, not two
        qkv = self.qkv(x)
        precision: AbstractContextManager[None] = nullcontext()
        if qkv.device.type == 'cpu' and qkv.dtype == torch.bfloat16 and qkv.requires_grad:
            # PyTorch's kernel of the backward pass is up to five times slower in bfloat16
            qkv, precision = qkv.float(), torch.autocast('cpu', enabled=False)
        qkv = rearrange(qkv, split, qkv=3, heads=self.num_heads)
        query, key, value = (x.transpose(1, 2) for x in qkv.unbind(2))  # (B, heads, T, d)
        drop = self.attn_drop if self.training else 0.0
        with precision:
            x = F.scaled_dot_product_attention(
                query, key, value, dropout_p=drop, scale=self.qk_scale
            )
        return self.proj_drop(self.proj(rearrange(x, 'b heads t d -> b t (heads d)')))


class Mlp(nn.Module):
    """Two linear layers with an exact (erf) GELU between them.

    Args:
        dim: Width of a token.
        hidden_dim: Width between the two layers.
        drop: Dropout rate of the output.
    """

    def __init__(self, dim: int, hidden_dim: int, drop: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the transformed tokens, (B, T, D) like ``x``."""
        return self.drop(self.fc2(self.act(self.fc1(x))))


class Block(nn.Module):
    """Pre-norm transformer block: ``x + attn(norm1(x))``, then ``x + mlp(norm2(x))``.

    Args:
        attn: Attention, (B, T, D) to (B, T, D).
        mlp: Feed-forward part, (B, T, D) to (B, T, D); may take sizes of groups of samples too.
        dim: D, width of a token.
        drop_path: Stochastic depth rate of both branches; 0 makes the path an identity.
        norm_eps: Added to the variance by both norms.
    """

    def __init__(
        self,
        attn: nn.Module,
        mlp: nn.Module,
        dim: int,
        drop_path: float,
        norm_eps: float = NORM_EPS,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=norm_eps)
        self.attn = attn
        self.norm2 = nn.LayerNorm(dim, eps=norm_eps)
        self.mlp = mlp
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def forward(self, x: Tensor, *group_sizes: int) -> Tensor:
        """Returns the tokens after the block, (B, T, D) like ``x``.

        Args:
            x: (B, T, D).
            group_sizes: Passed to the feed-forward part; none for a plain one.
        """
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x), *group_sizes))
