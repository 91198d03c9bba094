"""The architectures that a study scores, and the file that holds them with their ground truth."""
