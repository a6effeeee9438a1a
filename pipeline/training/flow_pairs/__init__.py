"""Flow pairs."""
