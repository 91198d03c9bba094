"""What a machine has for this project: the checks of `supernet doctor`, one module per subject."""
