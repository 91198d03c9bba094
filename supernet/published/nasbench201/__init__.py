"""NASBench-201: NATS-Bench's archive, NASGraph's CSV files, and a mirror's file."""
