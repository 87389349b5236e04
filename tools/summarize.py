"""Shows a run at a glance: python tools/summarize.py WORK_DIR."""

import argparse

from mmpose.apis.cli import run_tool


def main() -> None:
    parser = argparse.ArgumentParser(description='Print the metrics of a run and draw it.')
    parser.add_argument('work_dir', help='folder in which train.py and test.py have run')
    args = parser.parse_args()
    from mmpose.analysis.summary import summarize_run  # torch is loaded after the flags are read

    print(summarize_run(args.work_dir))


if __name__ == '__main__':
    run_tool(main)
