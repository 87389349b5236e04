"""Names and shapes of the published VLPose checkpoints, by size and kind of prompts.

As in the eight released files: names of mmpretrain's ViT, of the matcher and
the head; and LAVIS' whole BLIP. Each list is a few patterns.
"""

# size: width, depth, prompt tokens
SIZES = {
    'small': (384, 12, 50),
    'base': (768, 12, 20),
    'large': (1024, 24, 10),
    'huge': (1280, 32, 5),
}
TEXT_WIDTH = 768


def linear(name, rows, columns):
    return {f'{name}.weight': (rows, columns), f'{name}.bias': (rows,)}


def norm(name, width):
    return {f'{name}.weight': (width,), f'{name}.bias': (width,)}


def backbone_shapes(width, depth, num_tokens=0, is_deep=False):
    """Shapes of the backbone in MMPose 1.x, with prompts."""
    shapes = {'cls_token': (1, 1, width), 'pos_embed': (1, 193, width)}
    if num_tokens:
        shapes['prompt_embed'] = (1, num_tokens, width)
    if is_deep:
        shapes['deep_prompt_embed'] = (depth - 1, num_tokens, width)
    shapes['patch_embed.projection.weight'] = (width, 3, 16, 16)
    shapes['patch_embed.projection.bias'] = (width,)
    for i in range(depth):
        shapes |= norm(f'layers.{i}.ln1', width) | norm(f'layers.{i}.ln2', width)
        shapes |= linear(f'layers.{i}.attn.qkv', 3 * width, width)
        shapes |= linear(f'layers.{i}.attn.proj', width, width)
        shapes |= linear(f'layers.{i}.ffn.layers.0.0', 4 * width, width)
        shapes |= linear(f'layers.{i}.ffn.layers.1', width, 4 * width)
    return {f'backbone.{name}': shape for name, shape in (shapes | norm('ln1', width)).items()}


def batch_norm(name, width):
    stats = {f'{name}.running_mean': (width,), f'{name}.running_var': (width,)}
    return norm(name, width) | stats | {f'{name}.num_batches_tracked': ()}


def head_shapes(width):
    """Shapes of the two-branch head."""
    shapes = {}
    for i, channels in enumerate((width, 256)):
        for branch in (0, 1):
            name = f'head.deconv_layers.{i}'
            shapes[f'{name}.deconv{branch}.weight'] = (channels, 256, 4, 4)
            shapes |= batch_norm(f'{name}.bn{branch}', 256)
    return shapes | {'head.final_layer.weight': (17, 256, 1, 1), 'head.final_layer.bias': (17,)}


def classic_head_shapes(width):
    """Shapes of ViTPose's head."""
    shapes = {}
    for i, channels in enumerate((width, 256)):
        shapes[f'head.deconv_layers.{3 * i}.weight'] = (channels, 256, 4, 4)
        shapes |= batch_norm(f'head.deconv_layers.{3 * i + 1}', 256)
    return shapes | {'head.final_layer.weight': (17, 256, 1, 1), 'head.final_layer.bias': (17,)}


def vlpose_shapes(size, mode):
    """Shapes of a released model but for BLIP; ``mode`` is 'sp' or 'dp'."""
    width, depth, num_tokens = SIZES[size]
    shapes = backbone_shapes(width, depth, num_tokens, mode == 'dp') | head_shapes(width)
    if width != TEXT_WIDTH:
        shapes |= linear('text_embed_proj', width, TEXT_WIDTH)
    for name in ('q', 'k', 'v', 'proj'):
        shapes |= linear(f'matcher.{name}', width, width)
    return shapes | norm('matcher.norm', width)


def blip_shapes(width=768, depth=12, mlp=3072, vocab=30524, positions=512):
    """Shapes of LAVIS' BLIP under its published name; the text encoder may be smaller."""
    vision = {'cls_token': (1, 1, 768), 'pos_embed': (1, 197, 768)}
    vision |= {'patch_embed.proj.weight': (768, 3, 16, 16), 'patch_embed.proj.bias': (768,)}
    for i in range(12):
        block = f'blocks.{i}'
        vision |= norm(f'{block}.norm1', 768) | norm(f'{block}.norm2', 768)
        vision |= linear(f'{block}.attn.qkv', 2304, 768) | linear(f'{block}.attn.proj', 768, 768)
        vision |= linear(f'{block}.mlp.fc1', 3072, 768) | linear(f'{block}.mlp.fc2', 768, 3072)
    vision |= norm('norm', 768)
    others = {f'visual_encoder.{name}': shape for name, shape in vision.items()} | {'temp': ()}
    others |= linear('vision_proj', 256, 768) | linear('text_proj', 256, 768)
    text = bert_shapes(width, depth, mlp, vocab, positions)
    others |= {f'text_encoder.{name}': shape for name, shape in text.items()}
    return {f'text_encoder.{name}': shape for name, shape in others.items()}


def bert_shapes(width=768, depth=12, mlp=3072, vocab=30524, positions=512):
    """Shapes of BLIP's text encoder, under the names it has in BLIP's own file."""
    shapes = {
        'embeddings.position_ids': (1, positions),
        'embeddings.word_embeddings.weight': (vocab, width),
        'embeddings.position_embeddings.weight': (positions, width),
        **norm('embeddings.LayerNorm', width),
    }
    for i in range(depth):
        layer = f'encoder.layer.{i}'
        for kind in ('attention', 'crossattention'):
            for part in ('query', 'key', 'value'):
                shapes |= linear(f'{layer}.{kind}.self.{part}', width, width)
            shapes |= linear(f'{layer}.{kind}.output.dense', width, width)
            shapes |= norm(f'{layer}.{kind}.output.LayerNorm', width)
        shapes |= linear(f'{layer}.intermediate.dense', mlp, width)
        shapes |= linear(f'{layer}.output.dense', width, mlp)
        shapes |= norm(f'{layer}.output.LayerNorm', width)
    return shapes
