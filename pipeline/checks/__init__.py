"""Checks of raw data before a run, and of converted data before a training."""
