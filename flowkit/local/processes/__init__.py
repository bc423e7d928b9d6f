"""The child processes of ``executor="process"``."""
