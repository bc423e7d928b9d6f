"""Values to bytes and back, and digests and signatures of values. It knows no Redis."""
