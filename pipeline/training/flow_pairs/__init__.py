"""Pairs of drawn pictures whose optical flow is known exactly, to train a flow network on."""
