"""What users of LeaderWorkerSets rely on, on the real API server with the controller as a process of its own."""
