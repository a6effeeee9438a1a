"""Stages from raw files to stores: frames, optical flow, gaze and fixation densities."""
