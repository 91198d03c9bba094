"""Search systems: each is given a space and a way to score, and returns ranked architectures with their cost."""
