"""The error of mistakes that a user can correct."""


class UserError(Exception):
    """A mistake in an input or option; the message says what was found and where, what was expected, and what to do."""
