"""Stages that turn stores into weights, the training loop, and what they learn from."""
