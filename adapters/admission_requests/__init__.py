"""Who asked for what, on its way from webhook servers without a journal to the controller that has it.

The webhook servers send (``sending``) what they have let through, in the background; the controller takes it in
(``endpoint``), from whoever the API server knows as one of them. ``wire`` is what they send, ``authority`` how they
come to trust the controller's certificate.
"""
