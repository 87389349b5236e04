"""Joint names as CLIP reads them: offline by a table, other words by the whole vocabulary."""

import sys

import pytest
from pgvl_models import KIND, ROOT

from mmpose.apis import load_config
from mmpose.metainfo import load_metainfo
from mmpose.models.language import keypoint_prompts, tokenize
from mmpose.models.language.tokenizer import CLIP_WORDS, _open_clip

PROMPTS = {
    'nose': (8231,),
    'left eye': (1823, 3272),
    'lower pelvis': (4909, 4286, 5337),
    '  Right\tKnee ': (1155, 9897),
    'withers': (1435, 612),
    'lose at the center of the face': (5354, 536, 518, 2119, 539, 518, 1710),
    'left ear on the left side of the head': (1823, 8373, 525, 518, 1823, 1145, 539, 518, 1375),
    'left wrist at proximal hand': (1823, 16139, 536, 31436, 566, 2463),
    'right elbow at upper forearm': (1155, 21965, 536, 7067, 1484, 4793),
    'left eye within the left orbit': (1823, 3272, 4154, 518, 1823, 19713),
    'right hip at lateral pelvis': (1155, 6584, 536, 26646, 4286, 5337),
    'left knee at lower thigh': (1823, 9897, 536, 4909, 22877),
    'left ankle at lower leg': (1823, 14777, 536, 4909, 4924),
}


@pytest.mark.parametrize(('text', 'ids'), PROMPTS.items())
def test_published_prompts(text, ids):
    assert tokenize(text) == ids


def test_vocabulary_of_open_clip_agrees():
    tokenizer = pytest.importorskip(
        'open_clip.tokenizer', reason='open_clip_torch has the vocabulary to compare with'
    ).SimpleTokenizer()
    for word, ids in CLIP_WORDS.items():
        assert tuple(tokenizer.encode(word)) == ids, word
    for text in PROMPTS:
        assert tuple(tokenizer.encode(text)) == tokenize(text), text
    for text in ('tip of the left index finger', "a dog's tail", 'knee, left'):
        assert tokenize(text) == tuple(tokenizer.encode(text))


def test_missing_vocabulary_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'open_clip.tokenizer', None)
    _open_clip.cache_clear()
    message = "'left antler' has the word 'antler', which is not .* requirements/language"
    with pytest.raises(ValueError, match=message):
        tokenize('left antler')
    with pytest.raises(ValueError, match='write at least one word'):
        tokenize(' ')


def test_prompts_of_joints():
    meta = load_metainfo('coco')
    prompts = keypoint_prompts(meta, {'nose': 'tip of the nose'})
    assert len(prompts) == 17
    assert prompts[:3] == ('tip of the nose', 'left eye', 'right eye')
    with pytest.raises(ValueError, match=r"text for 'left_knie'.*did you mean 'left_knee'\?"):
        keypoint_prompts(meta, {'left_knie': 'x'})
    with pytest.raises(
        ValueError, match=r"text for 'zzz', a keypoint that .*; it has nose, left_eye"
    ):
        keypoint_prompts(meta, {'zzz': 'x'})


LEFT_RIGHT = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
COCO = ['nose', *(f'{side} {x}' for x in ('eye', 'ear', *LEFT_RIGHT) for side in ('left', 'right'))]
LEGS = ['right ankle', 'right knee', 'right hip', 'left hip', 'left knee', 'left ankle']
ARMS = ['right wrist', 'right elbow', 'right shoulder']
CROWD = [f'{side} {x}' for x in LEFT_RIGHT for side in ('left', 'right')]
LIMBS = [('shoulder', 'elbow', 'front paw'), ('hip', 'knee', 'back paw')]
PAWS = [f'{side} {x}' for limb in LIMBS for side in ('left', 'right') for x in limb]
# folder and config of a dataset: its published prompts in the order of the joints
LISTS = {
    'coco/PGVL_ViTB_coco_256X192': COCO,
    'mpii/PGVL_ViTB_mpii_256x256': [
        *LEGS, 'lower pelvis', 'upper thorax', 'upper neck', 'upper head', *ARMS,
        *(x.replace('right', 'left') for x in ARMS[::-1]),
    ],
    'crowdpose/PGVL_ViTB_crowdpose_256X192': [*CROWD, 'head', 'neck'],
    'crowdpose/PGVL_v2_ViTB_crowdpose_256X192': [*CROWD, 'upper head', 'upper neck'],
    'ap10k/PGVL_ViTB_ap10k_256x256': [
        'left eye', 'right eye', 'nose', 'neck', 'tail root', *PAWS,
    ],
    'animalpose/PGVL_ViTB_animalpose_256x256': [
        'left eye', 'right eye', 'left ear base', 'right ear base', 'nose', 'throat', 'tail base',
        'withers',
        *(f'{side} {end} {part}' for part in ('elbow', 'knee', 'paw') for end in ('front', 'back')
          for side in ('left', 'right')),
    ],
}  # fmt: skip


@pytest.mark.parametrize(('path', 'texts'), LISTS.items())
def test_configs_have_the_published_prompts(path, texts):
    group = 'animal' if path.startswith(('ap10k', 'animalpose')) else 'body'
    cfg = load_config(ROOT / group / KIND / f'{path}.py')
    meta = load_metainfo(cfg.model.metainfo)
    assert list(keypoint_prompts(meta, cfg.model.get('prompts'))) == texts
