"""What the workflow asks of a study: which jobs, with which arguments, at what cost."""
