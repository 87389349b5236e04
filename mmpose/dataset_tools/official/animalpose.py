"""Animal-Pose: one XML file per animal becomes the COCO files of the configs.

Layout by documentation (https://sites.google.com/view/animal-pose and the 2D animal keypoint page
of MMPose's dataset zoo); no original XML was at hand. The result has the fields of two entries of
the shared ``animalpose_*.json``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from math import isfinite
from pathlib import Path

from mmpose.coco.json_fields import Json
from mmpose.dataset_tools.convert.files import plain_name, read_image_wh
from mmpose.dataset_tools.new_annotations import with_images
from mmpose.dataset_tools.official.ap10k import split_by_group
from mmpose.dataset_tools.official.files import category, read_names, write_json
from mmpose.metainfo import load_metainfo
from mmpose.structures import DatasetMeta
from mmpose.structures.progress import track

SPECIES = ('cat', 'cow', 'dog', 'horse', 'sheep')
# Annotations of the images of PASCAL VOC, and where the images lie in the archives.
PART1 = ('PASCAL2011_animal_annotation',)
PART1_IMAGES = (
    'VOC2011/JPEGImages',
    'VOC2012/JPEGImages',
    'TrainVal/VOCdevkit/VOC2011/JPEGImages',
    'keypoint_image_part1/{species}',
)
# Annotations of the other images; the second spelling is that of several guides.
PART2 = ('animalpose_anno2', 'annimalpose_anno2')
PART2_IMAGES = ('animalpose_image_part2/{species}',)
SUFFIXES = ('', '.jpg', '.jpeg', '.png')
# Names without case, blanks and underscores that differ from those of the skeleton.
ALIASES = {'lear': 'learbase', 'rear': 'rearbase', 'tail': 'tailbase'}
# The published files have 2798 images for training and 810 for validation; which, is not known.
TRAIN_SHARES = {'train': 2798 / 3608, 'val': 810 / 3608}


def convert_animalpose(
    root: str | Path, out: str | Path, seed: int = 0, val_list: str | Path | None = None
) -> dict[str, int]:
    """Writes ``animalpose_{train,val,trainval,test}.json``; returns the number of animals in each.

    The images of PASCAL VOC are for training and validation, the others for testing; a set without
    animals is not written.

    Args:
        root: Folder of the unpacked archives: ``PASCAL2011_animal_annotation/SPECIES/*.xml`` with
            ``VOC2011/JPEGImages``, and ``animalpose_anno2/SPECIES/*.xml`` with
            ``animalpose_image_part2/SPECIES``. File names become relative to it.
        out: Folder to write into.
        seed: Decides about the split of training and validation.
        val_list: Names of the images for validation, one per line, instead of a random split.

    Raises:
        FileNotFoundError: If no annotation, or an image of one, is there.
        ValueError: If an XML file is malformed or names an unknown keypoint.
    """
    root, dataset_meta = Path(root), load_metainfo('animalpose')
    trainval, species = _read_part(root, PART1, PART1_IMAGES, dataset_meta, first_id=1)
    first_id = 1 + len(trainval['images'])
    test, _ = _read_part(root, PART2, PART2_IMAGES, dataset_meta, first_id)
    if not trainval['annotations'] and not test['annotations']:
        raise FileNotFoundError(
            f'{root} has neither {PART1[0]}/SPECIES/*.xml nor {PART2[0]}/SPECIES/*.xml; give the '
            'folder that holds the unpacked archives'
        )
    if val_list is not None:
        chosen = _listed(Path(val_list), trainval['images'])
    else:
        chosen = split_by_group(species, TRAIN_SHARES, seed)
    sets = {
        name: with_images(trainval, {image for image, own in chosen.items() if own == name})
        for name in TRAIN_SHARES
    }
    sets |= {'trainval': trainval, 'test': test}
    files = {f'animalpose_{name}.json': part for name, part in sets.items() if part['annotations']}
    write_json({Path(out) / name: part for name, part in files.items()})
    return {name: len(part['annotations']) for name, part in sets.items()}


def read_animal(path: Path, dataset_meta: DatasetMeta) -> tuple[str, Json]:
    """Returns the image name and the annotation fields of one XML file.

    The file has ``image``, ``visible_bounds`` (attributes xmin, ymin, width, height; in some files
    the second one is called xmax) and ``keypoints``, whose elements have the attributes name, x, y
    and visible. Only a visible keypoint is labelled.

    Raises:
        ValueError: If it is malformed or names an unknown keypoint.
    """
    try:
        tree = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise ValueError(f'{path} is not valid XML: {error}') from error
    name = (tree.findtext('image') or '').strip()
    bounds = tree.find('visible_bounds')
    if not name or bounds is None:
        raise ValueError(f"{path}: the elements 'image' and 'visible_bounds' are expected")
    top = 'ymin' if 'ymin' in bounds.attrib else 'xmax'
    box = [_number(bounds, key, path) for key in ('xmin', top, 'width', 'height')]
    points = [[0.0, 0.0, 0] for _ in range(dataset_meta.num_keypoints)]
    indices = {_plain(keypoint): i for i, keypoint in enumerate(dataset_meta.keypoint_names)}
    for element in tree.iterfind('keypoints/keypoint'):
        keypoint = element.get('name', '')
        index = indices.get(ALIASES.get(_plain(keypoint), _plain(keypoint)))
        if index is None:
            raise ValueError(
                f"{path}: unknown keypoint '{keypoint}', expected one of "
                f'{dataset_meta.keypoint_names}'
            )
        if _number(element, 'visible', path) > 0:
            points[index] = [_number(element, 'x', path), _number(element, 'y', path), 2]
    return name, {
        'bbox': box,
        'area': box[2] * box[3],
        'iscrowd': 0,
        'keypoints': [value for point in points for value in point],
        'num_keypoints': sum(point[2] > 0 for point in points),
    }


def _read_part(
    root: Path,
    folders: tuple[str, ...],
    places: tuple[str, ...],
    dataset_meta: DatasetMeta,
    first_id: int,
) -> tuple[Json, dict[int, str]]:
    """Returns the content of a COCO file, and the species of each image by its id."""
    images: dict[str, Json] = {}
    species_of: dict[int, str] = {}
    animals: list[Json] = []
    files = [
        (species, path)
        for folder in folders
        for species in SPECIES
        for path in sorted((root / folder / species).glob('*.xml'))
    ]
    for species, path in track(files, 'files'):
        name, animal = read_animal(path, dataset_meta)
        image = _find_image(root, [place.format(species=species) for place in places], name, path)
        number = first_id + len(images)
        if image not in images:
            width, height = read_image_wh(root / image)
            size = {'width': width, 'height': height}
            images[image] = {'id': number, 'file_name': image, **size}
            species_of[number] = species
        ids = {'id': len(animals) + 1, 'image_id': images[image]['id'], 'category_id': 1}
        animals.append({**ids, **animal})
    categories = [category(dataset_meta, 'animal')]
    content = dict(images=list(images.values()), annotations=animals, categories=categories)
    return content, species_of


def _find_image(root: Path, folders: list[str], name: str, path: Path) -> str:
    name = plain_name(name, path)
    for found in (f'{folder}/{name}{suffix}' for folder in folders for suffix in SUFFIXES):
        if (root / found).is_file():
            return found
    raise FileNotFoundError(f"{path}: image '{name}' is in none of {folders} below {root}")


def _listed(path: Path, images: list[Json]) -> dict[int, str]:
    """Returns the set of each image by its id: val if the file lists it."""
    stems = {Path(name).stem for name in read_names(path)}
    stem_of = {image['id']: Path(image['file_name']).stem for image in images}
    known = Counter(stem_of.values())
    unclear = sorted(stem for stem in stems if known[stem] > 1)
    if unclear:
        raise ValueError(
            f"{path}: {len(unclear)} names stand for several images, first '{unclear[0]}'; rename "
            'the images'
        )
    if stems - known.keys():
        raise ValueError(
            f'{path}: {len(stems - known.keys())} of {len(stems)} images are not in the dataset, '
            f"first '{min(stems - known.keys())}'"
        )
    return {image: 'val' if stem in stems else 'train' for image, stem in stem_of.items()}


def _plain(name: str) -> str:
    return name.lower().replace('_', '').replace(' ', '')


def _number(element: ET.Element, key: str, path: Path) -> float:
    try:
        value = float(element.get(key, ''))
    except ValueError:
        value = float('nan')
    if not isfinite(value):
        raise ValueError(
            f"{path}: attribute '{key}' of <{element.tag} name={element.get('name')!r}> is "
            f'{element.get(key)!r}, expected a number'
        )
    return value
