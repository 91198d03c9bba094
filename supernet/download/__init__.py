"""Downloads that can be trusted: kept, mirrored or fetched, and checked by hash before they have their name."""
