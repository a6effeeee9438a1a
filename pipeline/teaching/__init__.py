"""What gfsalnet-light is taught with beside recordings: drawn scenes, and what UNISAL finds."""
