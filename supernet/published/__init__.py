"""Published tables of stand-alone accuracies: official formats in, one schema out."""
