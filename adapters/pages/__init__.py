"""Web pages that stand alone: plain HTML, CSS and JavaScript, put together in Python without a build step."""
