"""The command ``offhand``: one file a command, heavy imports inside the functions."""
