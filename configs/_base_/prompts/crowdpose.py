"""CrowdPose for models that read joint names, as the first PGVL was published; a joint without a
line is called by its name.
"""
prompts = dict(top_head='head')
