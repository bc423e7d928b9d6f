"""The core of flowkit: life cycle, graph, resolver, retry arithmetic.

Everything in this package is pure: no I/O, no clock, no randomness, no logging, and no import from
the rest of flowkit. A test checks the imports. Values that vary are passed in.
"""
