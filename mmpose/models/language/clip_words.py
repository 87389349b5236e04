"""Words whose CLIP tokens are known without the vocabulary file.

They are the words of the prompts that PGVL was published with. The numbers are rows of
``bpe_simple_vocab_16e6.txt`` (Radford et al., ICML 2021), the vocabulary of every CLIP.
"""

# fmt: off
CLIP_WORDS: dict[str, tuple[int, ...]] = {
    # sides and places
    'left': (1823,), 'right': (1155,), 'upper': (7067,), 'lower': (4909,), 'front': (2184,),
    'back': (893,), 'base': (4579,), 'root': (9728,), 'side': (1145,), 'center': (2119,),
    'lateral': (26646,), 'proximal': (31436, 566),
    # parts of bodies
    'shoulder': (8476,), 'elbow': (21965,), 'wrist': (16139,), 'hip': (6584,), 'knee': (9897,),
    'ankle': (14777,), 'head': (1375,), 'neck': (6906,), 'pelvis': (4286, 5337),
    'thorax': (4130, 9203), 'eye': (3272,), 'ear': (8373,), 'nose': (8231,), 'tail': (4132,),
    'paw': (16016,), 'throat': (16371,), 'withers': (1435, 612), 'face': (1710,),
    'orbit': (19713,), 'arm': (4793,), 'forearm': (1484, 4793), 'hand': (2463,),
    'thigh': (22877,), 'leg': (4924,),
    # between them; 'lose' stands for the nose in PGVL's prompts for OCHuman
    'at': (536,), 'the': (518,), 'of': (539,), 'on': (525,), 'within': (4154,), 'lose': (5354,),
}
# fmt: on
