"""NASBench-201: readers of the archive of NATS-Bench, of the CSV files of NASGraph, and of the file of a mirror."""
