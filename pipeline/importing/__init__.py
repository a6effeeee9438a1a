"""Weights that others made: fetched, or read without the program that wrote them."""
