"""Pages of single clips: frames, gaze, maps of all models and their scores over time."""
