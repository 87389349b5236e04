"""Prints a config in its flat form: python tools/analysis/print_config.py CONFIG."""

import argparse

from mmpose.apis.cli import run_tool
from mmpose.config.overrides import ConfigOptions


def main() -> None:
    parser = argparse.ArgumentParser(description='Print a composed and overridden config.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--cfg-options',
        '--options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='override anything, e.g. train_dataloader.batch_size=16',
    )
    parser.add_argument('--data-root', help='folder that holds the datasets, instead of data/')
    args = parser.parse_args()
    from mmpose.config.load import load_config

    print(load_config(args.config, args.cfg_options, args.data_root).pretty_text)


if __name__ == '__main__':
    run_tool(main)
