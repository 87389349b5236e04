#!/usr/bin/env bash
# Starts both pages. When one of them ends, or the container is stopped, so is the other, and the
# container ends when both have.
set -uo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
trap 'exit 143' TERM INT
python realtime_pose/interface/gradio_app.py &
python realtime_pose/interface/streamlit_app.py &
wait -n
echo "a page has ended with status $?; so does the container" >&2
exit 1
