"""Prepares weights for others: python tools/publish_model.py IN OUT [--config CONFIG].

OUT is NAME.pth or NAME.safetensors; NAME-<hash>.pth and the model card NAME-<hash>.md are written.
Or it is a folder, as PoseInferencer.from_pretrained reads it; --push-to-hub ORG/NAME uploads that.
"""

import argparse
from pathlib import Path

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Prepare weights for others.')
    parser.add_argument('source', help='checkpoint of a run')
    parser.add_argument('target', nargs='?', help='NAME.pth, NAME.safetensors, or a folder')
    parser.add_argument(
        '--push-to-hub',
        metavar='ORG/NAME',
        help='upload to the Hugging Face hub, with the token of HF_TOKEN or hf auth login',
    )
    parser.add_argument('--private', action='store_true', default=None, help='only its members see')
    parser.add_argument('--config', help='config file; else that of the run, for a folder')
    parser.add_argument('--dataset', help='training data, if the config does not say it')
    parser.add_argument('--metric', help="e.g. 'COCO val AP 75.8'; else that of the log")
    parser.add_argument('--commit', help='commit of the code; else that of the log')
    parser.add_argument('--licence', help='of the weights')
    parser.add_argument(
        '--ema',
        action=argparse.BooleanOptionalAction,
        help='averaged or last trained weights of a run with an EMAHook; those that tools/test.py '
        'evaluates by default',
    )
    parser.add_argument(
        '--adapter',
        action='store_true',
        help='only the adapters (model.lora) and heads, into NAME.safetensors; they need the same '
        'model.pretrained',
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that runs code when it is read; only for files you trust',
    )
    args = parser.parse_args()
    if args.target is None and args.push_to_hub is None:
        parser.error('give NAME.pth, NAME.safetensors or a folder to write, or --push-to-hub')
    if args.push_to_hub and Path(args.target or '').suffix in ('.pth', '.safetensors'):
        parser.error(f'--push-to-hub uploads a folder; omit {args.target}, or name a folder')
    if args.adapter and Path(args.target or '').suffix != '.safetensors':
        parser.error(f'--adapter writes NAME.safetensors, not {args.target}')
    if args.private and not args.push_to_hub:
        parser.error('--private is of --push-to-hub ORG/NAME')
    return args


def main() -> None:
    args = parse_args()
    from mmpose.checkpoint_tools import publish_checkpoint

    done = publish_checkpoint(
        args.source,
        args.target,
        ema=args.ema,
        trust=args.trust_checkpoint,
        repo_id=args.push_to_hub,
        private=args.private,
        adapter=args.adapter,
        config=args.config,
        dataset=args.dataset,
        metric=args.metric,
        commit=args.commit,
        licence=args.licence,
    )
    if done.left_out:
        print(f'left out: {", ".join(done.left_out)}')
    print(f'weights: {done.weights}\nsha256: {done.sha256}')
    if done.card is not None:
        print(f'model card: {done.card}')


if __name__ == '__main__':
    run_tool(main)
