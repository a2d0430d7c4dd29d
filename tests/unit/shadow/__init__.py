"""Parts of a shadow alone: what is compared, how commands stand, what is written up."""
