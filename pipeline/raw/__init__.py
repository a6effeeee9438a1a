"""Raw files as their authors hand them out: where they lie, their splits, and what is in them."""
