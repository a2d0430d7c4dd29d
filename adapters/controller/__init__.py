"""The controller: the engine between journal and executor, and the composition of all parts in one process."""
