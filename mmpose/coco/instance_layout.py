"""Where the instances of an annotation stand in files that differ from COCO's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from mmpose.coco.json_fields import Json

CENTER_SCALE, CENTER_ZOOM, IMAGE = 'center_scale', 'center_zoom', 'image'
SCALE_PX = 200.0  # MPII and the face data sets state the side of a window in units of 200 px
ZOOM_PX = 256.0  # MPII-TRB states the zoom that makes the window 256 px
# extra array of parts: (N, K), 0 to 1; and a field of an annotation, of pseudo-labels: K numbers
CONFIDENCE = 'keypoint_confidence'
PART_END = '_kpts'  # of the fields of COCO-WholeBody that hold parts of a body


@dataclass(frozen=True)
class InstanceLayout:
    """Fields of an annotation that an instance is read from; the default is COCO's layout.

    Attributes:
        keypoint_field: Fields that hold keypoints, one instance in each. A part of a whole body,
            such as ``face_kpts``, is none where ``face_valid`` says so; its visibilities are
            confidences, which training weights keypoints by, and ``num_keypoints`` does not speak
            of it.
        bbox_field: Field that holds the box of each. Or ``center_scale``: the square around
            ``center`` with sides of 200 px times ``scale``; ``center_zoom``: with sides of 256 px
            by ``scale``; ``image``: the whole image.
        first_pixel: Coordinate of the first pixel in the file: 1 where it counts as Matlab does.
        trust_order: Whether the keypoints are in the order of the skeleton, whatever the names in
            the file say.
        category: Ids or names of the categories whose annotations are read, or one of them; None
            reads all.

    Raises:
        ValueError: If the fields do not make pairs, or no category is left.
    """

    keypoint_field: str | tuple[str, ...] = 'keypoints'
    bbox_field: str | tuple[str, ...] = 'bbox'
    first_pixel: float = 0
    trust_order: bool = False
    category: tuple[int | str, ...] | None = None

    def __post_init__(self) -> None:
        if self.category is not None:
            is_one = isinstance(self.category, int | str)
            object.__setattr__(self, 'category', (self.category,) if is_one else (*self.category,))
            if not self.category:
                raise ValueError('dataset.category is empty; expected ids or names, or None')
        for name in ('keypoint_field', 'bbox_field'):
            value = getattr(self, name)
            fields = (value,) if isinstance(value, str) else tuple(value)
            object.__setattr__(self, name, fields)
        if len(self.keypoint_field) != len(self.bbox_field) or not self.keypoint_field:
            raise ValueError(
                f'dataset.keypoint_field is {self.keypoint_field} and bbox_field '
                f'{self.bbox_field}; expected one box for each'
            )

    @property
    def keypoints(self) -> str:
        """Name of the field in what :meth:`instances` returns, and in messages."""
        return ' or '.join(self.keypoint_field)

    @property
    def bbox(self) -> str:
        """Name of the field in what :meth:`instances` returns, and in messages."""
        return ' or '.join(self.bbox_field)

    @property
    def makes_windows(self) -> bool:
        """Whether the boxes are made instead of read, and may leave the image."""
        return self.bbox in (CENTER_SCALE, CENTER_ZOOM, IMAGE)

    @property
    def is_part(self) -> bool:
        """Whether the keypoints are a part of a whole body."""
        return self.keypoint_field[0].endswith(PART_END)

    def instances(self, annotations: Sequence[Any]) -> Sequence[Any]:
        """Returns an entry per instance; of several in one annotation, P, ids are P times its."""
        if not self.is_part and len(self.keypoint_field) == 1:
            return annotations
        found = []
        for item in annotations:
            if not isinstance(item, dict):
                found.append(item)
                continue
            pairs = zip(self.keypoint_field, self.bbox_field, strict=True)
            found += [
                self._instance(item, place, *pair)
                for place, pair in enumerate(pairs)
                if item.get(f'{pair[0].removesuffix(PART_END)}_valid', True)
            ]
        return found

    def _instance(self, item: Json, place: int, keypoints: str, bbox: str) -> Json:
        instance = {**item, self.keypoints: item.get(keypoints), self.bbox: item.get(bbox)}
        if type(item.get('id')) is int:
            instance['id'] = len(self.keypoint_field) * item['id'] + place
        return instance


def plain_keypoints(annotations: Sequence[Any], fields: Mapping[str, int]) -> Sequence[Any]:
    """Returns annotations whose keypoints are flat lists, each in its own field.

    Lists of ``[x, y, visibility]`` become flat; a whole body in the first field is divided.

    Args:
        annotations: Entries of a file, which are not changed.
        fields: Fields that hold the keypoints, with the number in each.
    """
    whole = 3 * sum(fields.values()) if len(fields) > 1 else -1
    first = next(iter(fields))
    try:  # most files are plain throughout
        kinds = {type(item[field][0]) for field in fields for item in annotations}
        if list not in kinds and (whole < 0 or whole not in {len(x[first]) for x in annotations}):
            return annotations
    except (LookupError, TypeError):
        pass
    found = None
    for row, item in enumerate(annotations):
        for field in fields:
            value = item.get(field) if isinstance(item, dict) else None
            if not (isinstance(value, list) and value):
                continue
            if type(value[0]) is list and all(isinstance(point, list) for point in value):
                value = [number for point in value for number in point]
            elif field != first or len(value) != whole:
                continue
            found = list(annotations) if found is None else found
            item = found[row] = {**item, field: value}
            if field == first and len(value) == whole:
                ends = [3 * end for end in accumulate(fields.values())]
                starts = [0, *ends[:-1]]
                item.update(
                    (name, value[start:end])
                    for name, start, end in zip(fields, starts, ends, strict=True)
                )
    return annotations if found is None else found
