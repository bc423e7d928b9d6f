"""Where the dashboard of these tests is."""

BASE = "http://127.0.0.1:8420"
