"""Films, pictures and folders of pictures: read as players show them, written with their times."""
