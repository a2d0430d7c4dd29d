"""The bench: one table of figures about the controller and its journal, measured on real parts. Run ``make bench``."""
