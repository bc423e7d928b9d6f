"""The client of a running flowkit system: submit runs, wait for them, inspect and stop them."""
