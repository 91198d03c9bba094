"""The store: results that all studies below one folder of results share, so that nothing is made twice."""
