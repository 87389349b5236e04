"""Registry look-up of metrics: primary metric, direction (greater or less is better), aliases.

Nothing is listed here: the classes in ``METRICS`` say it themselves, see ``GatheredMetric``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmpose.evaluation.metrics.gathered_metric import GatheredMetric
from mmpose.registry import METRICS


def metric_classes() -> list[type[GatheredMetric]]:
    """Every registered pose metric, in the order of registration."""
    METRICS.import_from_location()
    found = dict.fromkeys(METRICS.module_dict.values())
    return [kind for kind in found if issubclass(kind, GatheredMetric)]


def metric_class(config: Mapping[str, Any]) -> type[GatheredMetric] | None:
    """Class that a config names; None if it is no pose metric of this package or its users."""
    kind = METRICS.get(str(config.get('type', '')))
    is_ours = isinstance(kind, type) and issubclass(kind, GatheredMetric)
    return kind if is_ours else None


def metric_types(name: str) -> tuple[str, ...]:
    """Class names that a name of the command line stands for: an alias such as mAP, or a class."""
    found = tuple(kind.__name__ for kind in metric_classes() if name in kind.aliases)
    return found or (name,)


def primary_metric(keys: Sequence[str]) -> str:
    """Name of the metric by which papers compare, of those that an evaluation gives.

    Args:
        keys: Names with or without prefix; the first is returned if no class calls any primary.
    """
    ranks = {name: rank for kind in metric_classes() for name, rank in kind.primary_metrics.items()}
    known = [key for key in keys if _bare(key) in ranks]
    return min(known, key=lambda key: ranks[_bare(key)]) if known else keys[0]


def greater_is_better(key: str) -> bool:
    """Whether a greater value of a metric, named with or without prefix, is better; not of losses.

    Args:
        key: Such as ``coco/AP``, ``EPE`` or ``train/loss``.
    """
    name = _bare(key)
    if 'loss' in name:
        return False
    return all(kind.greater_is_better for kind in metric_classes() if name in kind.primary_metrics)


def with_type(configs: Iterable[Mapping[str, Any]], kind: type) -> list[Mapping[str, Any]]:
    """Configs whose class is ``kind`` or a subclass of it."""
    found = [(config, METRICS.get(str(config.get('type', '')))) for config in configs]
    return [config for config, own in found if isinstance(own, type) and issubclass(own, kind)]


def _bare(key: str) -> str:
    return key.rsplit('/', 1)[-1]
