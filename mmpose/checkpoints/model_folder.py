"""Folder of a model for others: ``config.json``, ``model.safetensors``, ``README.md``; the hub."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mmpose.checkpoints.download import HUB_FILES, HUB_VARIABLE, hub_package, hub_reason
from mmpose.checkpoints.folder import OUR_KEY
from mmpose.checkpoints.model_card import model_card, training_data
from mmpose.metainfo import load_metainfo
from mmpose.metainfo.info_dict import meta_table
from mmpose.structures.output_files import unfinished, writing
from mmpose.version import __version__, code_commit

USE = """```python
from mmpose.apis import PoseInferencer

inferencer = PoseInferencer.from_pretrained('{}')
```"""
CARD_FILE = 'README.md'
# what of a config says how a model is used and was trained, and nothing of the machine
KEPT = ('model', 'val_pipeline', 'val_dataloader', 'train_dataloader', 'train_cfg')
KEPT += ('optim_wrapper', 'param_scheduler')
STARTS = ('pretrained', 'pretrained_metainfo', 'teacher', 'trust_checkpoint')  # of a training


def save_folder(
    folder: str | os.PathLike[str],
    state: Mapping[str, Tensor],
    cfg: Mapping[str, Any],
    name: str | None = None,
    rows: Mapping[str, Any] | None = None,
    **card: Any,
) -> Path:
    """Writes a model for others and returns its folder.

    Args:
        folder: Where what this package made may be replaced, and no other file.
        state: Its weights.
        cfg: Its config, of which model, crops and training are written, without folders.
        name: In the card; None takes that of the folder.
        rows, card: See ``model_card``; the data is that of the config if it is not given.

    Raises:
        FileExistsError: If one of the files is there, and is not ours.
        ImportError: If safetensors is not installed.
        ValueError: If the model reads a file of this machine.
    """
    folder, commit = Path(folder), code_commit()
    kept = {key: cfg[key] for key in KEPT if cfg.get(key)}
    if 'metainfo' in kept['model']:
        kept['model'] = {**kept['model'], 'metainfo': _skeletons(kept['model']['metainfo'])}
    content = {OUR_KEY: __version__, 'commit': commit, **_portable(kept)}
    rows = {'commit of the code that saved it': commit, **(rows or {})}
    name = name or folder.resolve().name
    text = model_card(name, rows, USE.format(name), **{'data': training_data(cfg), **card})
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"'{folder}' is a file, but a model is saved to a folder")
    config, weights = (folder / file for file in HUB_FILES)
    with writing(config, weights, folder / CARD_FILE):
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished(weights) as part:
            save_safetensors(state, part)
        config.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
        (folder / CARD_FILE).write_text(text, encoding='utf-8')
    return folder


def push_folder(
    folder: str | os.PathLike[str],
    repo_id: str,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
) -> str:
    """Uploads what ``save_folder`` wrote as one commit and returns its address.

    Args:
        repo_id: ``organisation/name``, which is made if it is not there.
        private: Of a new one; None does what its owner has set.
        token: Of the hub; None takes that of ``HF_TOKEN`` or ``hf auth login``.
        revision: Branch, which is made if it is not there; None is ``main``.

    Raises:
        ImportError: If huggingface_hub is not installed.
        ValueError: If the hub refuses, or is not there.
    """
    hub = hub_package(f"'{repo_id}' would be on")
    api = hub.HfApi(endpoint=os.environ.get(HUB_VARIABLE) or None, token=token)
    try:
        repo = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        if revision is not None:
            api.create_branch(repo, branch=revision, exist_ok=True)
        done = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            revision=revision,
            commit_message=commit_message or f'Upload a model of mmpose {__version__}',
            allow_patterns=[*HUB_FILES, CARD_FILE],
        )
    except Exception as error:  # of huggingface_hub, its HTTP client or the file system
        raise ValueError(f"'{repo_id}' cannot be uploaded: {hub_reason(error)}") from error
    return str(done.commit_url)


def save_safetensors(
    state: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Writes weights as safetensors.

    Raises:
        ImportError: If safetensors is not installed.
    """
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise ImportError(
            f"writing '{path}' needs safetensors; install it with: pip install safetensors"
        ) from error
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    save_file(own, str(path), metadata={'format': 'pt', **(metadata or {})})


def _skeletons(metainfo: Any) -> Any:
    """Returns names as they are, and tables and dicts of one's own in full."""
    if isinstance(metainfo, (list, tuple)):
        return [_skeletons(one) for one in metainfo]
    if isinstance(metainfo, str) and not metainfo.lower().endswith(('.csv', '.py')):
        return metainfo
    dataset_meta = load_metainfo(metainfo)
    return {'dataset_name': dataset_meta.name, 'table': meta_table(dataset_meta, '')}


def _portable(value: Any, place: str = '') -> Any:
    """Returns what others can use of a config; of paths that begin at the root only the name."""
    if isinstance(value, Mapping):
        own = {str(key): x for key, x in value.items() if key not in STARTS}
        return {key: _portable(x, f'{place}.{key}') for key, x in own.items()}
    if isinstance(value, (list, tuple)):
        return [_portable(x, place) for x in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    path = Path(str(value))
    if place.startswith('.model.') and path.suffix and os.path.isfile(path):
        raise ValueError(
            f"{place[1:]} is the file '{value}' of this machine, which others do not have; write "
            'its content into the config'
        )
    return path.name if path.is_absolute() else str(value)
