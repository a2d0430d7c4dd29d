"""Admission of sets and pods: the golden vectors, our deviations from them, and the rules they leave open."""
