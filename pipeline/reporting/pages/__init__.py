"""Pages of results: what they show, the notes on them, their templates, and the report."""
