"""Poses in images, folders, videos, cameras and streams.

python tools/infer.py INPUT --model NAME|CONFIG|WORK_DIR|EXPORTED [CHECKPOINT] [--out DIR] ...
python tools/infer.py IMAGE CONFIG CHECKPOINT --out-file drawn.jpg
"""

from __future__ import annotations

import argparse
import warnings

from mmpose.apis.cli import run_tool
from mmpose.apis.inference.infer_options import add_arguments, inferencer_of, outputs_of


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    args = parser.parse_args()
    from mmpose.apis.inference.command import run_inference  # torch is loaded after the flags

    inputs, inferencer = inferencer_of(args)
    print(run_inference(inferencer, inputs, outputs_of(args)))


if __name__ == '__main__':
    warnings.formatwarning = lambda message, *_: f'warning: {message}\n'
    run_tool(main)
