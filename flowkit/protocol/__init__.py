"""The only place that talks to Redis: keys, values, scripts and the store."""
