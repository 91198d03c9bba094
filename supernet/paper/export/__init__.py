"""Results of a study in formats of other programs: CSV, event files of TensorBoard."""
