"""Pages for the browser: Streamlit and Gradio."""
