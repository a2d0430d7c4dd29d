"""The command line. Modules of commands hold signatures and help; what is heavy is imported when a command runs."""
