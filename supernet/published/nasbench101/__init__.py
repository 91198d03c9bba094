"""NASBench-101: readers of the official file, of the CSV file of NASGraph, and of the part in a mirror."""
