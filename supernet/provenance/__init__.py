"""Where a result comes from: the record beside each file, and the code that made it."""
