"""CrowdPose for models that read joint names, as the second PGVL was published; a joint without a
line is called by its name.
"""
prompts = dict(top_head='upper head', neck='upper neck')
