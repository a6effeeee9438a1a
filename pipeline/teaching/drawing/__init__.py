"""Scenes that are drawn, and where people look in them: things, cameras, backgrounds, the rule."""
