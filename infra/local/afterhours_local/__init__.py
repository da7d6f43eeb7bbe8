"""Afterhours on this machine: the command, the local stack and the fake platforms."""
