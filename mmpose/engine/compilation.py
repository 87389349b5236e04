"""Compilation of the backbone and the heads, with a fallback that says why it was needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


def compile_parts(
    model: nn.Module,
    options: bool | dict[str, Any] | None,
    warn: Callable[[str], None] = print,
) -> bool:
    """Compiles backbone and heads in place; returns whether it did.

    The keys of checkpoints stay. A part that cannot be compiled, which turns out when it first
    runs, runs as it is.

    Args:
        model: Estimator.
        options: ``compile`` of the config: true, or arguments of ``torch.compile``.
        warn: Gets a sentence on a part that cannot be compiled.
    """
    if not options:
        return False
    parts = {'backbone': model.backbone, **{name: x for name, x, _ in model.named_heads()}}
    for name, part in parts.items():
        part.compile(**(options if isinstance(options, dict) else {}))
        part._compiled_call_impl = _with_fallback(name, part, warn)
    return True


def _with_fallback(name: str, part: nn.Module, warn: Callable[[str], None]) -> Callable[..., Any]:
    compiled = part._compiled_call_impl

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            if not _is_of_compiler(error):
                raise
            cause = getattr(error, 'inner_exception', None) or error.__cause__ or error
            reason = str(cause).strip().partition('\n')[0]
            warn(f'the {name} runs without compilation: {type(cause).__name__}: {reason}')
            part._compiled_call_impl = None
            return part._call_impl(*args, **kwargs)

    return call


def _is_of_compiler(error: Exception) -> bool:
    """Whether torch.compile failed, and not the module that it compiles."""
    from torch._dynamo.exc import TorchDynamoException  # loads the compiler, seconds

    owner = type(error).__module__
    return isinstance(error, TorchDynamoException) or owner.startswith('torch._inductor')
