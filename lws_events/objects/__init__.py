"""The Kubernetes objects that the controller writes (spec section 2), as parsed JSON. Nothing here decides when."""
