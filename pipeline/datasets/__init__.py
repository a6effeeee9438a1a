"""One module per dataset: raw files on disk to gaze records."""
