"""Heads of a model by the category of a box: people, horses and hands in one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmengine.config import Config

from mmpose.backends.base import PoseBackend
from mmpose.backends.exported import ExportedBackend
from mmpose.backends.pytorch import TorchBackend


@dataclass(frozen=True, eq=False)
class CategoryHead:
    """A head of a model and the boxes that it is for.

    Attributes:
        name: Its name.
        categories: Categories of its boxes, name to id.
        backend: Runs the model with this head.
    """

    name: str
    categories: dict[str, int]
    backend: PoseBackend


def categories_of_head(cfg: Config, name: str) -> dict[str, int] | None:
    """Returns the categories of a head of a config; None if its model does not choose by them."""
    categories = cfg.model.get('categories')
    return None if categories is None else dict(categories[list(cfg.model.names).index(name)])


def category_heads(first: PoseBackend, load: Callable[..., PoseBackend]) -> list[CategoryHead]:
    """Returns all heads of a model that chooses by category; none of any other.

    The heads share the weights of the backbone, and a session where the model was exported.

    Args:
        first: Backend of the first head.
        load: Returns the backend of a head by its name, its argument ``dataset``.
    """
    if isinstance(first, ExportedBackend):
        datasets = first.runtime.metadata.datasets
        return [
            CategoryHead(own.name, own.categories, ExportedBackend(first.runtime, own.name))
            for own in datasets
            if own.categories is not None and len(datasets) > 1
        ]
    cfg = getattr(getattr(first, 'model', None), 'cfg', None)
    if cfg is None or cfg.model.get('categories') is None:
        return []
    heads: list[CategoryHead] = []
    has_experts = cfg.model.backbone.get('num_expert') is not None
    for number, name in enumerate(cfg.model.names):
        backend = load(dataset=name) if number else first
        if isinstance(backend, TorchBackend) and isinstance(first, TorchBackend):
            backend.model.backbone = backend.model.backbone if has_experts else first.model.backbone
        heads.append(CategoryHead(name, categories_of_head(cfg, name) or {}, backend))
    return heads
