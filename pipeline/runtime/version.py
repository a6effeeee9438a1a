"""The version of the whole, which the wheel's name bears, too."""

VERSION = "0.1.0"
