"""Shows a run at a glance: python tools/summarize.py WORK_DIR."""

import argparse

from mmpose.analysis.summary import summarize_run
from mmpose.apis.cli import run_tool


def main() -> None:
    parser = argparse.ArgumentParser(description='Print the metrics of a run and draw it.')
    parser.add_argument('work_dir', help='folder in which train.py and test.py have run')
    print(summarize_run(parser.parse_args().work_dir))


if __name__ == '__main__':
    run_tool(main)
