"""Shows recordings in reports: a moving body; joints that were not seen are left out."""

import numpy as np

from binder.display import Motion
from modalities.skeleton.read import seen

# [1] Kinect for Windows SDK 1.x, JointType: 20 joints, in the order of UTD-MHAD's files (head, shoulder centre, spine,
# hip centre; left arm, right arm; left leg, right leg).
KINECT_BONES = (
    *((0, 1), (1, 2), (2, 3)),
    *((1, 4), (4, 5), (5, 6), (6, 7)),
    *((1, 8), (8, 9), (9, 10), (10, 11)),
    *((3, 12), (12, 13), (13, 14), (14, 15)),
    *((3, 16), (16, 17), (17, 18), (18, 19)),
)


def show_body(sample: np.ndarray) -> Motion:
    """The joints, and the bones where they are the Kinect's twenty; no file says the pace."""
    joints = np.where(seen(sample)[..., None], sample, np.nan)
    return Motion(joints=joints, bones=KINECT_BONES if sample.shape[1] == 20 else ())
