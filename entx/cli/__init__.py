"""The `entx` command: one file per sub-command, heavy imports inside the command's function."""
