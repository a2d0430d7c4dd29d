"""JetStream clusters in containers, and what happens to the journal when parts of them are lost."""
