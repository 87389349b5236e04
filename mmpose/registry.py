"""Registries of every component that a config can name.

Each one is a child of mmengine's registry of the same kind, so that a config can also name
mmengine's components. The modules behind a registry are imported when something is first looked
up, which keeps ``import mmpose`` cheap.
"""

import os
import warnings
from importlib.metadata import entry_points

from mmengine import registry as root
from mmengine.registry import Registry

PLUGINS = 'mmpose.plugins'  # group of entry points, by which installed packages name a module


class PoseRegistry(Registry):
    """Registry that knows the components of installed plugins too, once it is asked for one."""

    has_plugins = False  # of all registries of this process

    def import_from_location(self) -> None:
        """Imports our modules behind the registry, and the plugins."""
        super().import_from_location()
        if not PoseRegistry.has_plugins:
            PoseRegistry.has_plugins = True
            _import_plugins()


def _import_plugins() -> None:
    """Imports the modules of ``PLUGINS``; one that fails is a warning, and the others follow."""
    plugins = entry_points(group=PLUGINS)
    for registry in REGISTRIES if plugins else ():
        registry.import_from_location()  # so that it is the plugin whose name is taken
    for plugin in plugins:
        try:
            plugin.load()
        except Exception as error:
            reason = error.args[0] if isinstance(error, KeyError) and error.args else error
            if plugin.dist is not None and os.environ.get('RANK', '0') == '0':
                warnings.warn(
                    f"plugin '{plugin.name}' of {plugin.dist.name} {plugin.dist.version} is left "
                    f"out, since '{plugin.value}' does not import: {type(error).__name__}: "
                    f'{reason}',
                    stacklevel=2,
                )


# Registries that hold nothing of ours yet name this module as their location: without one,
# mmengine searches for a package that registers everything, and warns.
def _child(parent: Registry, *locations: str) -> Registry:
    return PoseRegistry(
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

CODECS = PoseRegistry('codec', scope='mmpose', locations=['mmpose.codecs'])
KEYPOINT_CODECS = CODECS  # as MMPose 1.x calls it
REGISTRIES = [x for x in list(vars().values()) if isinstance(x, PoseRegistry)]
