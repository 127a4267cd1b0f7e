"""One file per family of commands: parse, call, print. Floor: just below the CLI, which registers them.

Rooms are imported inside the commands, so that `binder --help` answers without loading torch.
"""
