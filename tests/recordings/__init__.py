"""Records the journals of ``docs/journals`` on the real control plane: stories as an on-call engineer meets them."""
