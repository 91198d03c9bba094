"""Downloads: kept, copied from a mirror or fetched, and checked by hash before they get their final name."""
