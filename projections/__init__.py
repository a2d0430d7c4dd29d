"""Read models folded from the journal. They can be dropped and rebuilt at any time."""
