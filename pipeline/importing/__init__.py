"""Weights that a network's authors released, read without the program that wrote them."""
