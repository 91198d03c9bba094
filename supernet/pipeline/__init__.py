"""The jobs of a study as the workflow needs them: their files, arguments and cost."""
