"""Base class of the dataset formats.

The generator handles worker processes, the marker of an unfinished folder, reuse, equal bytes for
equal seeds, and overwriting.
"""

import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np


class RenderedImage(NamedTuple):
    """Rendered image with its label."""

    jpeg: bytes
    width: int
    height: int
    label: Any  # picklable; input of the format's ``write_annotations``


class LabelledImage(NamedTuple):
    """Image file of the dataset with its label."""

    path: str  # below the dataset's folder, with '/'
    width: int
    height: int
    label: Any


class ToyFormat(ABC):
    """Official layout of one dataset: file names, drawn content, annotations.

    An instance keeps no state, because each worker process has its own: the bytes of an image
    depend only on the ``rng`` given to ``render``, its split and its index.

    Attributes:
        name: Value of ``--format``.
        splits: Splits that have images, in a fixed order. ``train`` gets ``--num-train`` images,
            every other split gets ``--num-val``.
        salt: Numbers mixed into the seed, so that two formats do not draw the same images.
        files: Every file that ``write_annotations`` writes, below the dataset's folder.
        optional_files: Those of ``files`` that need an optional package and may be missing.
        layout: One sentence about the folders, for the README in the dataset's folder.
        instances: Name of the counted instances, plural: 'persons', 'animals', 'hands'.
    """

    name: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    files: ClassVar[tuple[str, ...]]
    optional_files: ClassVar[tuple[str, ...]] = ()
    layout: ClassVar[str]
    instances: ClassVar[str] = 'persons'

    @property
    def salt(self) -> tuple[int, ...]:
        return tuple(self.name.encode())

    @abstractmethod
    def image_path(self, split: str, index: int) -> str:
        """Returns the unique path of an image below the dataset's folder, with '/'."""

    @abstractmethod
    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        """Draws one image; ``split`` and ``index`` are those of its path."""

    @abstractmethod
    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        """Writes all of ``files`` by ``write_json``; creates their folders.

        Args:
            out: The dataset's folder.
            images: Split -> its images in the order of their indices.
            info: Generator version and arguments, for an ``info`` field where the layout has one.
            rng: For what is not in the images, such as the errors of a detector.
        """

    def count(self, label: Any) -> int:
        """Returns the number of annotated instances of an image, for the summary."""
        return len(label)


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + '.part')
    draft.write_text(json.dumps(content, separators=(',', ':')))
    os.replace(draft, path)
