"""Ways to compute an encoder."""
