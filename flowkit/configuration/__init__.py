"""The grammar of the longer settings: Redis URLs, lists of shards, and signing keys."""
