"""The ancestry of one result, drawn."""
