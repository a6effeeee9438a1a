"""What the demo shows and where its observers look: pure functions of a seed, then files."""
