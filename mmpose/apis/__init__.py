"""Public functions for tools, apps and notebooks: inference, configs, training and testing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Threads that wait for work must sleep, not spin: beside loader workers or other jobs on the same
# cores, spinning made a training step five times slower. OpenMP reads this when torch loads.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

if TYPE_CHECKING:
    from mmpose.apis.inference import PoseInferencer, inference_topdown, init_model
    from mmpose.config.load import load_config

__all__ = ['PoseInferencer', 'inference_topdown', 'init_model', 'load_config']


def __getattr__(name: str) -> Any:
    """Imports a name, and torch with it, when it is asked for: flags need none of them."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from mmpose.apis import inference
    from mmpose.config import load

    return getattr(load if name == 'load_config' else inference, name)
