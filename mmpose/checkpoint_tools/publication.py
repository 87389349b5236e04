"""Publication of a checkpoint: weights only, a hash in the name, and a model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from mmpose.checkpoint_tools.convert_file import SAFETENSORS, plain_values, save_weights
from mmpose.checkpoint_tools.source import Source, read_source
from mmpose.checkpoints.download import HUB_FILES
from mmpose.checkpoints.io import checkpoint_sha256, extract_state_dict, read_checkpoint
from mmpose.checkpoints.load import naming
from mmpose.checkpoints.lora import BASE_KEY, adapter_state, merge_adapters
from mmpose.checkpoints.model_card import DEFAULT_LICENCE, TrainingData, model_card, training_data
from mmpose.checkpoints.model_folder import CARD_FILE, push_folder, save_folder
from mmpose.config.load import load_config, read_recorded_config
from mmpose.engine.runner import TRAIN_CONFIG
from mmpose.structures.output_files import writing
from mmpose.visualization import read_scalars

HASH_DIGITS = 8
PART = 'weights.part'  # a .pth holds the name it was written by, so its hash is one for all names
EMA_KEY = 'ema_state_dict'
EMA_PREFIX = 'module.'
ADAPTER_NOTE = ', adapters (LoRA) and heads without their backbone'
KEPT_META = ('epoch', 'iter', 'seed', 'cfg', 'dataset_meta', 'mmpose_version', 'time')
WEIGHT_KEYS = ('state_dict', 'model', 'module')


@dataclass(frozen=True)
class Publication:
    """Files of a published checkpoint.

    Attributes:
        weights: File with the weights, or address of the commit that was uploaded.
        card: Markdown file beside it; None if it was only uploaded.
        sha256: Of the weights file.
        left_out: Names of what the source holds besides weights.
    """

    weights: Path | str
    card: Path | None
    sha256: str
    left_out: tuple[str, ...]


def publish_checkpoint(
    source: str | Path,
    target: str | Path | None,
    ema: bool | None = None,
    trust: bool = False,
    repo_id: str | None = None,
    private: bool | None = None,
    adapter: bool = False,
    config: str | None = None,
    dataset: str | None = None,
    metric: str | None = None,
    commit: str | None = None,
    licence: str | None = None,
) -> Publication:
    """Writes the weights of a training checkpoint for others, and a model card.

    Args:
        source: Checkpoint of a run.
        target: ``NAME.pth`` or ``NAME.safetensors``; eight digits of the hash are added to the
            name. A folder gets what ``save_folder`` writes; its config is ``config``, or lies
            beside the checkpoint. None only uploads such a folder.
        ema: True takes the averaged weights of an ``EMAHook``, False the last trained ones; None
            takes those that tools/test.py evaluates, which are the averaged ones if there are any.
        repo_id, private: See ``push_folder``; None does not upload.
        adapter: Whether to write only the adapters (``model.lora``) and heads, for a target in
            safetensors, instead of weights with the adapters merged.
        config: Config file for the card, as a command names it.
        dataset, metric, commit: Training data, value with its name and commit of the code, for the
            card; None takes them from the run.
        licence: Under which the weights are given away; None is ``DEFAULT_LICENCE``.

    Raises:
        ValueError: If there are no weights of the kind asked for, or the name has another ending.
    """
    suffix = Path(target or '').suffix
    if suffix not in ('', '.pth', SAFETENSORS):
        raise ValueError(
            f"'{target}' names no weights; it has to end in .pth or {SAFETENSORS}, or to be a "
            'folder, whose name has no dot'
        )
    read, content = read_source(source, trust), read_checkpoint(source, trust)
    state = choose_weights(content, ema, str(source))
    with naming(source):
        state, sha256 = adapter_state(state) if adapter else (merge_adapters(state), None)
    base = {BASE_KEY: sha256} if sha256 else {}
    is_averaged = EMA_KEY in content and ema is not False
    is_bare = not any(key in content for key in WEIGHT_KEYS)
    left_out = () if is_bare else tuple(x for x in content if x not in (*WEIGHT_KEYS, 'meta'))
    weights = ('averaged (EMA)' if is_averaged else 'as trained') + ADAPTER_NOTE * adapter
    given = {'metric': metric} if metric else {}
    facts = {'config': config, **_facts(read, commit, weights), **given}
    cfg = _config_of_run(source, config, is_needed=not suffix)
    about = {
        'data': [TrainingData(dataset)] if dataset else training_data(cfg),
        'metrics': {} if metric else _recorded_metrics(read),
        'licence': licence or DEFAULT_LICENCE,
    }
    if not suffix:
        with TemporaryDirectory() as spare:
            folder = save_folder(target or spare, state, cfg, repo_id, facts, **about)
            sha256 = checkpoint_sha256(folder / HUB_FILES[1])
            address = push_folder(folder, repo_id, private) if repo_id else None
        card = folder / CARD_FILE if target else None
        return Publication(address or folder / HUB_FILES[1], card, sha256, left_out)
    kept = {key: value for key, value in plain_values(read.meta).items() if key in KEPT_META}
    kept |= {'source_sha256': read.sha256, 'averaged': is_averaged, **base}
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as spare:
        part = Path(spare, f'{PART}{target.suffix}')
        save_weights(state, part, kept)
        sha256 = checkpoint_sha256(part)
        final = target.with_name(f'{target.stem}-{sha256[:HASH_DIGITS]}{target.suffix}')
        card = final.with_suffix('.md')
        use = f'`python tools/test.py {config or "CONFIG"} {final.name}`'
        text = model_card(final.name, {**facts, 'sha256': sha256}, use, **about)
        with writing(card, final, inputs=[source]):
            part.replace(final)
            card.write_text(text, encoding='utf-8')
    return Publication(final, card, sha256, left_out)


def _config_of_run(source: str | Path, config: str | None, is_needed: bool) -> Any:
    if config is not None:
        return load_config(config, check=False)
    recorded = Path(source).parent / TRAIN_CONFIG
    if is_needed and not recorded.is_file():
        raise ValueError(
            f"there is no {TRAIN_CONFIG} of a run beside '{source}'; give --config, which says "
            'how the model is built'
        )
    return read_recorded_config(recorded) if is_needed else {}


def choose_weights(content: dict[str, Any], ema: bool | None, path: str) -> dict[str, Tensor]:
    """Returns the averaged or the last trained weights of a checkpoint.

    mmengine's ``EMAHook`` swaps the two as it saves: the averaged weights are under 'state_dict',
    the trained ones under 'ema_state_dict' with a prefix.

    Args:
        content: What the file holds.
        ema: True for the averaged, False for the trained ones, None for those under 'state_dict'.

    Raises:
        ValueError: If averaged weights are asked for and there are none.
    """
    state = extract_state_dict(content)
    swapped = content.get(EMA_KEY)
    if ema and not isinstance(swapped, dict):
        raise ValueError(
            f"'{path}' has no averaged weights ('{EMA_KEY}'); omit --ema, or train with "
            "custom_hooks=[dict(type='EMAHook')]"
        )
    if ema is not False or not isinstance(swapped, dict):
        return state
    trained = {
        name.removeprefix(EMA_PREFIX): tensor
        for name, tensor in swapped.items()
        if name.startswith(EMA_PREFIX) and isinstance(tensor, Tensor)
    }
    return state | {name: tensor for name, tensor in trained.items() if name in state}


def _recorded_metrics(read: Source) -> dict[str, float]:
    """Returns the validation metrics that the run logged for the epoch of the checkpoint."""
    epoch = read.meta.get('epoch')
    folder = Path(read.path).parent
    if epoch is None or not folder.is_dir():
        return {}
    found: dict[str, float] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for record in read_scalars(path):
            if 'loss' not in record and record.get('step') == epoch:
                found |= {k: v for k, v in record.items() if '/' in k}
    return found


def _recorded_commit(read: Source) -> str | None:
    files = sorted(Path(read.path).parent.glob('*/environment.txt'))
    for line in files[-1].read_text().splitlines() if files else ():
        if line.startswith('git: '):
            return line.removeprefix('git: ').strip() or None
    return None


def _facts(read: Source, commit: str | None, weights: str) -> dict[str, Any]:
    shape, model = read.shape, None
    if shape is not None:
        height, width = shape.input_hw
        heads = ', '.join(f'{head.out_channels} heatmaps' for head in shape.heads) or 'no head'
        model = (
            f'embed_dim {shape.embed_dim}, depth {shape.depth}, input {height}x{width} '
            f'(height x width), {heads}'
        )
    return {
        'commit': commit or _recorded_commit(read),
        'epoch': read.meta.get('epoch'),
        'weights': weights,
        'format': read.format_name,
        'model': model,
    }
