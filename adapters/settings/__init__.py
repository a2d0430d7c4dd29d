"""What a controller is told to be: settings, from flags, environment and the configuration file."""
