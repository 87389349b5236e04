"""MPII for models that read joint names, as PGVL was published; a joint without a line is called
by its name.
"""
prompts = dict(pelvis='lower pelvis', thorax='upper thorax', head_top='upper head')
