"""What flowkit knows, and nothing of how it talks: life cycle, graph, resolver, retry arithmetic.

Everything below this folder is pure. No I/O, no clock, no randomness, no logging, and no import
from the rest of flowkit; a test walks the imports. What has to vary is handed in as a value.
"""
