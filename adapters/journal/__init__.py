"""The journal as the rest of the program sees it: a port, its in-memory double, and what needs no bus of its own."""
