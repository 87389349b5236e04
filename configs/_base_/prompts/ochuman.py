"""OCHuman for models that read joint names, as PGVL was published: each joint with its place."""
prompts = dict(
    nose='lose at the center of the face',  # sic: the published weights know the nose by it
    left_eye='left eye within the left orbit',
    right_eye='right eye within the right orbit',
    left_ear='left ear on the left side of the head',
    right_ear='right ear on the right side of the head',
    left_shoulder='left shoulder at upper arm root',
    right_shoulder='right shoulder at upper arm root',
    left_elbow='left elbow at upper forearm',
    right_elbow='right elbow at upper forearm',
    left_wrist='left wrist at proximal hand',
    right_wrist='right wrist at proximal hand',
    left_hip='left hip at lateral pelvis',
    right_hip='right hip at lateral pelvis',
    left_knee='left knee at lower thigh',
    right_knee='right knee at lower thigh',
    left_ankle='left ankle at lower leg',
    right_ankle='right ankle at lower leg',
)
