"""Extensions of mmengine that know nothing about poses: optimizer-wrapper constructors.

Importing the package registers them, for learning rates by layer and by name.
"""

from mmcv_custom.optim_constructors import (
    KeywordOptimWrapperConstructor,
    LayerDecayOptimWrapperConstructor,
)

__all__ = ['KeywordOptimWrapperConstructor', 'LayerDecayOptimWrapperConstructor']
