"""Given models against what others published of them."""
