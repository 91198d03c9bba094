"""File formats that several tables use."""
