"""Figures of the papers: what models see and predict, in pictures and curves."""
