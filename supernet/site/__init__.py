"""The static site of a study: pages that work from a folder, without a server or a network."""
