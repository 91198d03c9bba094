"""A finished study as others get it: an archive, or a crate with a description that programs read."""
