"""``offhand models quantize``."""

import argparse


def add(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
