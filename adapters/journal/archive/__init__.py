"""The journal in a safe place: segments with a running hash, in a directory or in an object store."""
