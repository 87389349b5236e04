"""Dataset formats: the layouts of real datasets in which a toy dataset can be written."""

from functools import cache
from importlib import import_module

from toy_pose.formats.base import ToyFormat

# The module of the same name in this package has the class as ``FORMAT = TheClass()``.
FORMATS = (
    'coco',
    'aic',
    'mpii',
    'crowdpose',
    'ochuman',
    'coco_wholebody',
    'humanart',
    'ap10k',
    'apt36k',
    'animalpose',
    'interhand2d',
    'mixed',
)


@cache
def load_format(name: str) -> ToyFormat:
    """Returns the format of that name.

    Raises:
        ValueError: No layout has that name.
    """
    if name not in FORMATS:
        raise ValueError(f'format is {name!r}, expected one of {", ".join(FORMATS)}; set --format')
    found = import_module(f'toy_pose.formats.{name}').FORMAT
    assert isinstance(found, ToyFormat), name
    assert found.name == name, found.name
    return found
