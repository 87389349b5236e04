#!/usr/bin/env bash
# Starts both pages; when one of them ends, so does the container.
set -euo pipefail
python realtime_pose/interface/gradio_app.py &
streamlit run realtime_pose/interface/streamlit_app.py &
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
wait -n
