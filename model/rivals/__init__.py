"""The systems that the papers compare with, written from their publications and measured facts."""
