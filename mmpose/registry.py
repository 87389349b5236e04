"""Registries of every component that a config can name.

Each one is a child of mmengine's registry of the same kind, so that a config can also name
mmengine's components. The modules behind a registry are imported when something is first looked
up, which keeps ``import mmpose`` cheap.
"""

from mmengine import registry as root
from mmengine.registry import Registry


# Registries that hold nothing of ours yet name this module as their location: without one,
# mmengine searches for a package that registers everything, and warns.
def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(
        parent.name, parent=parent, scope='mmpose', locations=[f'mmpose.{x}' for x in locations]
    )


MODELS = _child(root.MODELS, 'models')
DATASETS = _child(root.DATASETS, 'datasets')
TRANSFORMS = _child(root.TRANSFORMS, 'datasets.transforms')
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, 'datasets.samplers')
METRICS = _child(root.METRICS, 'evaluation.metrics')
VISUALIZERS = _child(root.VISUALIZERS, 'engine')
HOOKS = _child(root.HOOKS, 'engine')
LOOPS = _child(root.LOOPS, 'engine')
RUNNERS = _child(root.RUNNERS, 'engine')
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, 'engine')

OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS, 'registry')
PARAM_SCHEDULERS = _child(root.PARAM_SCHEDULERS, 'registry')
OPTIMIZERS = _child(root.OPTIMIZERS, 'registry')
MODEL_WRAPPERS = _child(root.MODEL_WRAPPERS, 'registry')
EVALUATOR = _child(root.EVALUATOR, 'registry')
LOG_PROCESSORS = _child(root.LOG_PROCESSORS, 'registry')
VISBACKENDS = _child(root.VISBACKENDS, 'registry')

CODECS = Registry('codec', scope='mmpose', locations=['mmpose.codecs'])
KEYPOINT_CODECS = CODECS  # as MMPose 1.x calls it
