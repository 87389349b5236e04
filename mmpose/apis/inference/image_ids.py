"""Image ids of results: of an annotation file, of numeric file names, or running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmpose.apis.inference.images import ImageSource
from mmpose.apis.inference.sources import Source
from mmpose.evaluation.functional.json_columns import read_json
from mmpose.structures import Frame
from mmpose.structures.media_files import NamedFiles

MAX_ID = 2**63 - 1  # of the arrays of results.npz


class ImageIds:
    """Gives every frame of a run an id of its own.

    Args:
        sources: All sources of the run.
        by_name: Ids of an annotation file; None numbers the frames: as their files are called if
            all are images with numbers as names, else from 0.
    """

    def __init__(self, sources: Sequence[Source], by_name: Mapping[str, int] | None) -> None:
        self.by_name = by_name
        self._names = NamedFiles(by_name or ())
        self._given: dict[int, str] = {}
        self._first = self._next = 0
        is_known = all(isinstance(x, ImageSource) and not x.is_live for x in sources)
        names = [name for x in sources for name in x.names] if is_known else []
        stems = [Path(name).stem for name in names]
        numbers = {int(x) for x in stems if x.isdecimal() and len(x) < len(str(MAX_ID))}
        self.is_numeric = bool(stems) and len(numbers) == len(stems)

    def start_source(self) -> None:
        """Goes on to the next source, whose frames are counted from 0."""
        self._first = self._next

    def of(self, frame: Frame) -> int:
        """Returns the id of a frame.

        Raises:
            ValueError: If the annotation file does not know the image, or it is not clear which of
                several it is.
        """
        if self.by_name is not None:
            return self._of_annotations(frame)
        number = self._first + frame.index
        self._next = number + 1
        return int(Path(frame.name).stem) if self.is_numeric else number

    def _of_annotations(self, frame: Frame) -> int:
        found = self._names.find(frame.name)
        if not found:
            name = Path(frame.name).name
            raise ValueError(f"the annotation file of the ids has no image '{name}'")
        if len(found) > 1:
            raise ValueError(
                f"'{frame.name}' could be {' or '.join(found)} of the annotation file of the ids; "
                'give the images with their folders'
            )
        image_id = self.by_name[found[0]]
        other = self._given.setdefault(image_id, frame.name)
        if other != frame.name:
            raise ValueError(
                f"'{other}' and '{frame.name}' both are '{found[0]}' of the annotation file of the "
                'ids; give only images that it has'
            )
        return image_id


def ids_by_name(annotation_file: str | Path) -> dict[str, int]:
    """Returns the ids of the images of a COCO annotation file by their names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has no images, or two of the same name.
    """
    content = read_json(annotation_file)
    images = content.get('images') if isinstance(content, dict) else None
    if not images:
        raise ValueError(f"{annotation_file} has no 'images', whose ids were to be taken")
    ids: dict[str, int] = {image['file_name']: image['id'] for image in images}
    if len(ids) < len(images) or len(set(ids.values())) < len(images):
        raise ValueError(f'{annotation_file} has two images of the same file_name or id')
    return ids
