"""Classical models as their papers describe them, and Fang et al., of whom there is no program."""
