"""What is made of a film's pieces: films, maps, numbers, pages."""
