"""The subcommands of `supernet`, one module each; `supernet.__main__` has their table."""
