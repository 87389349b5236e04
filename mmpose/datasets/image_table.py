"""The images of an annotation file as columns, found by their ids."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpose.coco.json_fields import Json, describe, identifier, integer

UNKNOWN_WH = (0, 0)


class ImageTable:
    """File names, ids and sizes of the images that a file lists.

    Args:
        path: The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.ids: list[int | str] = []
        self.wh = array('i')

    def add(self, image: Json) -> str:
        """Appends an entry of ``images``; returns the words for it in messages.

        Raises:
            TypeError, ValueError: If a field is malformed. Sizes may be missing, but only both.
        """
        where = describe(self.path, 'image', image)
        name = image.get('file_name')
        if not isinstance(name, str) or not name:
            raise TypeError(f"{where}: field 'file_name' is {name!r}, expected a file name")
        image_id = identifier(image, 'id', where)
        if self.ids and type(image_id) is not type(self.ids[0]):
            raise TypeError(
                f"{where}: field 'id' is {image_id!r}, but the first image has {self.ids[0]!r}; "
                'ids are either all numbers or all strings'
            )
        self.names.append(name)
        self.ids.append(image_id)
        self.wh.extend(_size(image, where))
        return where

    def columns(self) -> dict[str, Any]:
        """Returns the image columns of an annotation store."""
        return {'file_names': self.names, 'image_ids': self.ids, 'image_wh': self.wh}

    def find(
        self, image_ids: Sequence[int | str] | NDArray[Any], path: Path, what: str
    ) -> NDArray[np.int64]:
        """Returns the rows of images by id.

        Args:
            path: File that asks, for messages.
            what: Entries that ask, for messages.

        Raises:
            TypeError, ValueError: If ids are not those of this file, or not unique in it.
        """
        if not self.names:
            raise ValueError(f"{self.path}: field 'images' is missing or empty")
        known, rows, counts = np.unique(self.ids, return_index=True, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f'{self.path}: image id {known[counts > 1][0]} occurs {counts.max()} times'
            )
        wanted = np.asarray(image_ids)
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        strange = known[place] != wanted
        if strange.any():
            raise ValueError(
                f'{path}: {strange.sum()} of {len(wanted)} {what} are for '
                f'{len(np.unique(wanted[strange]))} images that {self.path} does not list '
                f'(first image_id {wanted[strange][0]}); give files of the same images'
            )
        return rows[place]

    def check_id(self, image_id: int | str, where: str) -> None:
        """Raises a TypeError if an id is a string and those of the images are not, or so."""
        if self.ids and type(image_id) is not type(self.ids[0]):
            kind = 'an integer' if isinstance(self.ids[0], int) else 'a string'
            raise TypeError(
                f"{where}: field 'image_id' is {image_id!r}, expected {kind} as in the images of "
                f'{self.path}'
            )


def _size(image: Json, where: str) -> tuple[int, int]:
    if image.get('width') is None and image.get('height') is None:
        return UNKNOWN_WH
    size = (integer(image, 'width', where), integer(image, 'height', where))
    if min(size) < 1:
        raise ValueError(f"{where}: fields 'width' and 'height' are {size}, expected >= 1")
    return size
