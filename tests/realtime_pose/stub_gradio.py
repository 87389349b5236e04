"""The page of Gradio with a stand-in for the model."""

from pathlib import Path

from live_parts import StubEstimator

from realtime_pose.inference.model_choice import available_models
from realtime_pose.interface import gradio_app

CHOICE = available_models({}, Path('/nowhere'))['random']
gradio_app.load_estimator = lambda: (StubEstimator(), CHOICE)
gradio_app.main()
