"""What every test starts from: few threads, no display, and none of the settings of its user."""

import os

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is imported
os.environ.setdefault('MPLBACKEND', 'Agg')
for name in ('MMPOSE_DATA_ROOT', 'MMPOSE_TRACEBACK'):
    os.environ.pop(name, None)
