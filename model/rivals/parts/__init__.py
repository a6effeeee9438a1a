"""Trunks, cells, views and losses that the rivals are made of."""
