"""Errors that a user can act on."""


class UserError(Exception):
    """A mistake in an input that a user can correct: the message says what, where, what was expected, what to do."""
