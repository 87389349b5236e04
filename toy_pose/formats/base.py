"""What a layout of the generated dataset has to say about itself.

The generator does the rest: worker processes, the marker of an unfinished folder, reuse, equal
bytes for equal seeds, and the rules about overwriting.
"""

import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np


class RenderedImage(NamedTuple):
    """What drawing one image gives."""

    jpeg: bytes
    width: int
    height: int
    label: Any  # picklable; whatever the format's ``write_annotations`` wants to know


class LabelledImage(NamedTuple):
    """An image that lies in the folder, with what was drawn on it."""

    path: str  # below the dataset's folder, with '/'
    width: int
    height: int
    label: Any


class ToyFormat(ABC):
    """The official layout of one dataset: names of the files, what is drawn, what is annotated.

    An instance keeps no state, because each worker process has its own: the bytes of an image
    depend only on the ``rng`` given to ``render``, its split and its index.

    Attributes:
        name: What ``--format`` calls it.
        splits: Splits that have images, in a fixed order. ``train`` gets ``--num-train`` images,
            every other split gets ``--num-val``.
        salt: Numbers mixed into the seed, so that two formats do not draw the same images.
        files: Every file that ``write_annotations`` writes, below the dataset's folder.
        optional_files: Those of ``files`` that need an optional package and may be missing.
        layout: One sentence about the folders, for the README in the dataset's folder.
        instances: What is counted in the summary, plural: 'persons', 'animals', 'hands'.
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
        """Path of an image below the dataset's folder, with '/', unique over all splits."""

    @abstractmethod
    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        """Draw one image; ``split`` and ``index`` are for what the path already tells."""

    @abstractmethod
    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        """Write all of ``files``, with ``write_json``, into folders that need not exist yet.

        Args:
            out: The dataset's folder.
            images: Split -> its images in the order of their indices.
            info: Generator version and arguments, for an ``info`` field where the layout has one.
            rng: For what is not in the images, such as the errors of a detector.
        """

    def count(self, label: Any) -> int:
        """Number of annotated instances of an image, for the summary."""
        return len(label)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file in one step, so that no half file is ever left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + '.part')
    draft.write_text(json.dumps(content, separators=(',', ':')))
    os.replace(draft, path)
