"""The whole controller process against the simulated cluster over HTTP, and what may go wrong around it."""
