"""One adapter against the real thing on this machine."""
