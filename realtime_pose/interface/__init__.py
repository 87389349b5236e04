"""Web apps: Streamlit and Gradio."""
