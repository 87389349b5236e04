"""AP-10K (Yu et al., NeurIPS 2021 Datasets and Benchmarks): animals with 17 keypoints."""

from pathlib import Path
from typing import Any

import numpy as np

from toy_pose.formats.base import LabelledImage, RenderedImage, ToyFormat, write_json
from toy_pose.quadruped_coco import FIRST_IMAGE_ID, ap10k_category, ap10k_file
from toy_pose.quadruped_scene import render_animals

# The 54 species of the published files with their families; the ids count from 1.
FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('Bovidae', ('antelope', 'argali sheep', 'bison', 'buffalo', 'cow', 'sheep')),
    ('Canidae', ('arctic fox', 'dog', 'fox', 'wolf')),
    ('Castoridae', ('beaver',)),
    ('Cercopithecidae', ('alouatta', 'monkey', 'noisy night monkey', 'spider monkey', 'uakari')),
    ('Cervidae', ('deer', 'moose')),
    ('Cricetidae', ('hamster',)),
    ('Elephantidae', ('elephant',)),
    ('Equidae', ('horse', 'zebra')),
    (
        'Felidae',
        (
            'bobcat',
            'cat',
            'cheetah',
            'jaguar',
            'king cheetah',
            'leopard',
            'lion',
            'panther',
            'snow leopard',
            'tiger',
        ),
    ),
    ('Giraffidae', ('giraffe',)),
    ('Hippopotamidae', ('hippo',)),
    ('Hominidae', ('chimpanzee', 'gorilla', 'orangutan')),
    ('Leporidae', ('rabbit',)),
    ('Mephitidae', ('skunk',)),
    ('Muridae', ('mouse', 'rat')),
    ('Mustelidae', ('otter', 'weasel')),
    ('Procyonidae', ('raccoon',)),
    ('Rhinocerotidae', ('rhino',)),
    ('Sciuridae', ('marmot', 'squirrel')),
    ('Suidae', ('pig',)),
    ('Talpidae', ('mole',)),
    ('Ursidae', ('black bear', 'brown bear', 'panda', 'polar bear')),
    ('Vespertilionidae', ('bat',)),
)


def categories() -> list[dict[str, Any]]:
    """All entries of ``categories``, also of species that are never drawn."""
    species = [(name, family) for family, names in FAMILIES for name in names]
    return [ap10k_category(number, *names) for number, names in enumerate(species, start=1)]


class Ap10kFormat(ToyFormat):
    """One of the published splits of AP-10K; all images are in ``data/``."""

    name = 'ap10k'
    splits = ('train', 'val', 'test')
    files = tuple(f'annotations/ap10k-{split}-split1.json' for split in splits)
    layout = (
        'annotations/ap10k-{train,val,test}-split1.json in the layout of AP-10K, all images in '
        'data/.'
    )
    instances = 'animals'

    def image_path(self, split: str, index: int) -> str:
        return f'data/{FIRST_IMAGE_ID[split] + index:012d}.jpg'

    def render(self, rng: np.random.Generator, split: str, index: int) -> RenderedImage:
        scene = render_animals(rng)
        return RenderedImage(scene.jpeg, scene.width, scene.height, scene.animals)

    def write_annotations(
        self,
        out: Path,
        images: dict[str, list[LabelledImage]],
        info: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        for split, file in zip(self.splits, self.files, strict=True):
            content = ap10k_file(images, split, categories(), info, lambda path: Path(path).name)
            write_json(out / file, content)


FORMAT = Ap10kFormat()
