"""A run as a Workflow Run RO-Crate: packed, validated, checked as a stranger would, archived."""
