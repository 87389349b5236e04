"""Migration of foreign configs: MMPose 1.x, 0.x and their forks in the words of this project."""
