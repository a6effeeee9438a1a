"""Saliency models without a network, each written from its paper."""
