"""The metrics of Sec. IV-C and their relatives: formulas, conventions and names."""
