"""Serve a peer to the driver: ``python serve.py NAME``, in the environment of that peer."""

from __future__ import annotations

import sys
from importlib import import_module

import host

if __name__ == "__main__":
    host.serve(import_module(f"with_{sys.argv[1]}").Peer())
