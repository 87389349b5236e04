"""Averages checkpoints: python tools/model_soup.py CONFIG CHECKPOINT ... --soup SOUP.pth [--top K].

The mean is written only if it is better on the validation data than the best checkpoint alone.
"""

import argparse

from mmpose.apis.cli import add_common_arguments, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Average the weights of checkpoints of one network, as long as the validation '
        'data of the config say that it helps.'
    )
    parser.add_argument('config', help='config file, whose validation data decide')
    parser.add_argument(
        'checkpoints', nargs='+', metavar='CHECKPOINT', help='files, or work dirs with *.pth files'
    )
    parser.add_argument(
        '--soup', required=True, metavar='SOUP.pth', help='file that gets the mean, if it is better'
    )
    parser.add_argument('--top', type=int, metavar='K', help='try the K best only')
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmpose.apis.test import run_soup
    from mmpose.config.load import load_config

    cfg = load_config(args.config, args.cfg_options, args.data_root)
    run_soup(
        cfg,
        args.checkpoints,
        args.soup,
        top=args.top,
        work_dir=args.work_dir,
        launcher=args.launcher,
        trust_checkpoint=args.trust_checkpoint,
    )


if __name__ == '__main__':
    run_tool(main)
