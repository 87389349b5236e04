"""Subjects of skeletons: what a detector has to look for, and what to do where none knows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpose.detectors.categories import ANY, COCO_IDS, list_categories, names_of
from mmpose.metainfo.keypoint_names import parse_name
from mmpose.structures import DatasetMeta

Category = str | int
Spec = str | Path | Callable[[Any], Any] | None

WHOLE_IMAGE = 'whole-image'
# Subjects of the known skeletons; () where COCO, whose classes most detectors have, has none.
SUBJECTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *('aic', 'coco', 'coco_wholebody', 'crowdpose', 'exlpose', 'h36m', 'halpe', 'halpe26'),
            *('humanart21', 'jhmdb', 'mhp', 'mpii', 'mpii_trb', 'posetrack18'),
            *('deepfashion2', 'deepfashion_full', 'deepfashion_lower', 'deepfashion_upper'),
        ),
        ('person',),
    ),
    **dict.fromkeys(('animalkingdom', 'animalpose', 'ap10k', 'apt36k'), ('animal',)),
    'horse10': ('horse',),
    'zebra': ('zebra',),
    **dict.fromkeys(
        ('coco_wholebody_hand', 'freihand', 'interhand2d', 'onehand10k', 'panoptic_hand', 'rhd'),
        ('hand',),
    ),
    **dict.fromkeys(('atrw', 'fly', 'locust', 'macaque'), ()),
    **dict.fromkeys(('300w', 'aflw', 'coco_wholebody_face', 'cofw', 'lapa', 'wflw'), ('face',)),
}
# Of a skeleton of the user with three of these, and none of an animal, people are meant.
JOINTS = {'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'}
OF_ANIMALS = {
    *('tail', 'tailbase', 'tailtip', 'paw', 'hoof', 'withers', 'fetlock', 'hock', 'snout'),
    *('muzzle', 'beak', 'wing', 'fin', 'antenna', 'horn', 'spine'),
}
NO_DETECTOR = (
    "no detector is known for the skeleton '{}', so each image is taken as one instance; for boxes "
    'give --det (detector=) with a file of boxes or a detector that knows it, or --det-cat '
    '(categories=) with what to look for'
)


def subject_of(dataset_meta: DatasetMeta) -> tuple[str, ...]:
    """Returns the categories whose instances have a skeleton; none if that is not known."""
    if dataset_meta.name in SUBJECTS:
        return SUBJECTS[dataset_meta.name]
    words = re.findall(r'[a-z]+', dataset_meta.name.lower())
    animals = [word for word in words if 16 <= COCO_IDS.get(word, 0) <= 25]
    if animals:
        return tuple(animals)
    parts = {word for name in dataset_meta.keypoint_names for word in parse_name(name).words}
    is_human = len(parts & JOINTS) >= 3 and not parts & OF_ANIMALS
    return ('person',) if is_human else ()


def choose_categories(
    spec: Spec, wanted: Sequence[Category] | None, categories: Mapping[str, int]
) -> dict[str, int]:
    """Returns what a detector has to look for, name to id, for a model with a head per category.

    Args:
        spec: The detector, see ``build_detector``.
        wanted: Some of the categories, by name or id; None takes all.
        categories: Those of the model, name to id.

    Raises:
        ValueError: If the model has no head for a category, or the detector tells none.
    """
    names = {str(number): name for name, number in categories.items()}
    chosen = [names.get(str(one), str(one)) for one in wanted or categories]
    others = [name for name in chosen if name not in categories]
    heads = f'the model has a head for each of {list_categories(categories)}'
    if others:
        raise ValueError(f"there is no head for category '{others[0]}': {heads}")
    unknown = [name for name in chosen if not any(word in COCO_IDS for word in names_of(name))]
    if spec == WHOLE_IMAGE or (spec is None and unknown):
        reason = f"no detector is known for '{unknown[0]}'" if spec is None else ''
        raise ValueError(
            f'{reason or "a whole image tells no category"}, and {heads}; give --category '
            '(dataset=) with one of them, or --det (detector=) with a file of boxes or a detector '
            'that tells them apart'
        )
    return {name: categories[name] for name in chosen}


def choose_detector(
    spec: Spec, categories: Sequence[Category] | None, dataset_meta: DatasetMeta
) -> tuple[Spec, Sequence[Category], str]:
    """Returns the detector for a skeleton, its categories, and a note where the user chose neither.

    Args:
        spec: See ``build_detector``; None chooses.
        categories: What to look for; None follows the skeleton.

    Raises:
        ValueError: If a detector of many classes is given for a skeleton without a known subject.
    """
    if categories is not None:
        return spec, categories, ''
    subject = subject_of(dataset_meta)
    is_in_coco = bool(subject) and all(x == 'animal' or x in COCO_IDS for x in subject)
    if spec is None and not is_in_coco:
        return WHOLE_IMAGE, (ANY,), NO_DETECTOR.format(dataset_meta.name)
    text = '' if callable(spec) or spec is None else str(spec)
    if subject != ('person',) and text.endswith('.json'):  # its categories are of its own list
        return spec, (ANY,), ''
    if not subject and text and text != WHOLE_IMAGE and not text.endswith('.onnx'):
        raise ValueError(
            f"detector '{spec}' knows many classes, and which of them have the skeleton "
            f"'{dataset_meta.name}' is not known; give --det-cat (categories=) with what to look "
            'for'
        )
    return spec, subject or (ANY,), ''
