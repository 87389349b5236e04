"""Category filter: classes of a detector by name, COCO id or group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Category ids of COCO's detection task, with the gaps of the official list.
COCO_CATEGORIES = {
    1: 'person', 2: 'bicycle', 3: 'car', 4: 'motorcycle', 5: 'airplane', 6: 'bus', 7: 'train',
    8: 'truck', 9: 'boat', 10: 'traffic light', 11: 'fire hydrant', 13: 'stop sign',
    14: 'parking meter', 15: 'bench', 16: 'bird', 17: 'cat', 18: 'dog', 19: 'horse', 20: 'sheep',
    21: 'cow', 22: 'elephant', 23: 'bear', 24: 'zebra', 25: 'giraffe', 27: 'backpack',
    28: 'umbrella', 31: 'handbag', 32: 'tie', 33: 'suitcase', 34: 'frisbee', 35: 'skis',
    36: 'snowboard', 37: 'sports ball', 38: 'kite', 39: 'baseball bat', 40: 'baseball glove',
    41: 'skateboard', 42: 'surfboard', 43: 'tennis racket', 44: 'bottle', 46: 'wine glass',
    47: 'cup', 48: 'fork', 49: 'knife', 50: 'spoon', 51: 'bowl', 52: 'banana', 53: 'apple',
    54: 'sandwich', 55: 'orange', 56: 'broccoli', 57: 'carrot', 58: 'hot dog', 59: 'pizza',
    60: 'donut', 61: 'cake', 62: 'chair', 63: 'couch', 64: 'potted plant', 65: 'bed',
    67: 'dining table', 70: 'toilet', 72: 'tv', 73: 'laptop', 74: 'mouse', 75: 'remote',
    76: 'keyboard', 77: 'cell phone', 78: 'microwave', 79: 'oven', 80: 'toaster', 81: 'sink',
    82: 'refrigerator', 84: 'book', 85: 'clock', 86: 'vase', 87: 'scissors', 88: 'teddy bear',
    89: 'hair drier', 90: 'toothbrush',
}  # fmt: skip
COCO_IDS = {name: number for number, name in COCO_CATEGORIES.items()}
# Spellings of Pascal VOC, which models on the Hugging Face hub use for the classes of COCO.
OTHER_SPELLINGS = {
    'motorbike': 'motorcycle', 'aeroplane': 'airplane', 'sofa': 'couch',
    'pottedplant': 'potted plant', 'diningtable': 'dining table', 'tvmonitor': 'tv',
}  # fmt: skip
GROUPS = {'animal': tuple(COCO_CATEGORIES[number] for number in range(16, 26))}
Categories = Sequence[str | int] | Mapping[str, int]
ANY = 'any'  # category that stands for all classes of a detector or file
MAX_LISTED = 100  # names in a message


def choose_classes(
    categories: Categories, class_names: Mapping[int, str], model: str
) -> dict[int, int]:
    """Returns the wanted classes of a model, as its own number -> category id.

    The id is that of COCO; a class that COCO does not have is counted from 1, as the model orders
    its classes.

    Args:
        categories: Names (case does not matter), COCO ids, ``animal`` for all the animals of
            COCO that the model has, or ``any`` for all classes. Or a dict of names and the ids
            that their boxes get.
        class_names: Names of the classes by their number in the model.
        model: Name of the model, for messages.

    Raises:
        ValueError: If the model lacks one of the categories, or none is given.
    """
    if isinstance(categories, str) or not categories:
        raise ValueError(f"categories are {categories!r}, expected a list such as ['person']")
    numbers = {coco_spelling(name): number for number, name in class_names.items()}
    chosen: dict[int, int] = {}
    for category in categories:
        wanted = numbers if category == ANY else names_of(category)
        found = {numbers[name]: name for name in wanted if name in numbers}
        if not found:
            listed = list(class_names.values())
            more = f' and {len(listed) - MAX_LISTED} more' if len(listed) > MAX_LISTED else ''
            raise ValueError(
                f'{model} has no category {category!r}; it has: '
                f'{", ".join(listed[:MAX_LISTED])}{more}'
            )
        first = min(class_names)
        chosen |= {own: COCO_IDS.get(name, own - first + 1) for own, name in found.items()}
        if isinstance(categories, Mapping):
            chosen |= dict.fromkeys(found, categories[str(category)])
    return chosen


def list_categories(categories: Mapping[str, int]) -> str:
    """Returns names and ids for a message."""
    return ', '.join(f'{name} ({number})' for name, number in categories.items())


def names_of(category: str | int) -> Sequence[str]:
    """Returns the names of classes that a category of the user stands for."""
    if isinstance(category, int) or category.isdecimal():
        name = COCO_CATEGORIES.get(int(category))
        return () if name is None else (name,)
    return GROUPS.get(category.lower(), (coco_spelling(category),))


def coco_spelling(name: str) -> str:
    """Returns the name of a class in small letters, as COCO spells it."""
    return OTHER_SPELLINGS.get(name.lower(), name.lower())
