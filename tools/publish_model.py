"""Prepares weights for others: python tools/publish_model.py IN OUT [--config CONFIG].

OUT is NAME.pth or NAME.safetensors; NAME-<hash>.pth and the model card NAME-<hash>.md are written.
"""

import argparse

from mmpose.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Prepare weights for others.')
    parser.add_argument('source', help='checkpoint of a run')
    parser.add_argument('target', help='NAME.pth or NAME.safetensors')
    parser.add_argument('--config', help='config file, for the model card')
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
        '--trust-checkpoint',
        action='store_true',
        help='read a file that runs code when it is read; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.checkpoint_tools import publish_checkpoint
    from mmpose.checkpoint_tools.publication import DEFAULT_LICENCE, Card

    card = Card(
        args.config, args.dataset, args.metric, args.commit, args.licence or DEFAULT_LICENCE
    )
    done = publish_checkpoint(args.source, args.target, card, args.ema, args.trust_checkpoint)
    if done.left_out:
        print(f'left out: {", ".join(done.left_out)}')
    print(f'weights: {done.weights}\nsha256: {done.sha256}\nmodel card: {done.card}')


if __name__ == '__main__':
    run_tool(main)
