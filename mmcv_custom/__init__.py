"""Extensions of mmengine that know nothing about poses: optimizer-wrapper constructors.

Importing the package registers them, for learning rates by layer and by name.
"""

from mmcv_custom.keyword_rates import KeywordOptimWrapperConstructor
from mmcv_custom.layer_decay import LayerDecayOptimWrapperConstructor

__all__ = ['KeywordOptimWrapperConstructor', 'LayerDecayOptimWrapperConstructor']
