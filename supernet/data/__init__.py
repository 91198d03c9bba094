"""Image data sets: read files, split them, make and augment batches."""
