"""Text from file names and records, which an adversary may have chosen, made safe to print."""


def printable(text: str) -> str:
    """Return a text with escapes in place of control characters, line breaks and invalid UTF-8."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
