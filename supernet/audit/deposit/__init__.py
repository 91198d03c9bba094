"""A finished study as a deposit: an archive, or an RO-Crate with a machine-readable description."""
