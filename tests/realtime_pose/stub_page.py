"""The page of Streamlit with a stand-in for the model: for ``streamlit run``."""

from live_parts import StubEstimator

from realtime_pose.interface import live_session
from realtime_pose.interface.streamlit_app import main

live_session.ViTPoseEstimator = lambda *_: StubEstimator()
main()
