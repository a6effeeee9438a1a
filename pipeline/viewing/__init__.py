"""A user's own film: where people look in it, as films, pictures, numbers and a page."""
