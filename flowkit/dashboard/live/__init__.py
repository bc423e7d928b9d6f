"""Live streams: what is watched is read once, however many pages watch it."""
