"""The old place of tools/analysis/print_config.py."""

import runpy
from pathlib import Path

if __name__ == '__main__':
    runpy.run_path(str(Path(__file__).parent / 'analysis/print_config.py'), run_name='__main__')
