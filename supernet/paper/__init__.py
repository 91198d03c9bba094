"""Tables and figures of the paper, made from a study's artifacts without torch."""
