"""Tables and figures of the paper, drawn from a study's artifacts. Nothing in here imports torch."""
