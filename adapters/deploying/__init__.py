"""Apply LeaderWorkerSets for a person, and put an earlier template back. Following them is the command line's part."""
