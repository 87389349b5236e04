"""Generator of the shipped humanoid: ``python -m realtime_pose.model3d [FILE]``."""

import argparse
import sys
from pathlib import Path

from realtime_pose.model3d.humanoid import HUMANOID_FILE, build_humanoid


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog='python -m realtime_pose.model3d', description='Writes the rigged humanoid.'
    )
    parser.add_argument('file', nargs='?', default=HUMANOID_FILE, type=Path, help='a .glb file')
    args = parser.parse_args()
    data = build_humanoid().to_bytes()
    try:
        args.file.write_bytes(data)
    except OSError as error:
        sys.exit(f'error: {error}')
    print(f'{args.file}: {len(data)} bytes')


if __name__ == '__main__':
    main()
