"""What lies on disk between two stages: Zarr stores with their manifests, and weights."""
