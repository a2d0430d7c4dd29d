"""The web page ``/ui``: ES modules and style sheets that are served as they are (``adapters.web.application``)."""
