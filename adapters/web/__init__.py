"""The web page ``/ui`` and what else this program shows over HTTP to people: read only, off unless it is asked for."""
