"""Sizes of images, for the formats that do not store them."""

from __future__ import annotations

from pathlib import Path

import cv2


class ImageFolder:
    """The folder of the labelled images; is only looked at if a size is missing.

    Args:
        path: Its path, or None if there is none.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)

    def wh(self, file_name: str, asked_by: object) -> tuple[int, int]:
        """Returns (width, height) of an image in px.

        Args:
            file_name: Its name relative to the folder; its last part is tried as well.
            asked_by: File that lacks the size, for messages.

        Raises:
            FileNotFoundError: If there is no folder, or no such image in it.
            ValueError: If the image cannot be read.
        """
        if self.path is None:
            raise FileNotFoundError(
                f"{asked_by}: no size is stored for '{file_name}', so the image is needed; give "
                'its folder with --images'
            )
        places = [self.path / file_name, self.path / Path(file_name).name]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"{asked_by}: no size is stored for '{file_name}', and neither {places[0]} nor "
                f'{places[1]} exists; set --images to the folder that file names start from'
            )
        image = cv2.imread(str(found), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError(f'{found} is not an image that can be read; its size is needed')
        return image.shape[1], image.shape[0]
