"""NASBench-101: the official file, NASGraph's CSV file, and the part that a mirror holds."""
