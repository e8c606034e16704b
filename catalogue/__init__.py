"""Products and what is made of them."""
