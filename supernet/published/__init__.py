"""Published tables of stand-alone accuracies, converted from their official formats to one schema."""
