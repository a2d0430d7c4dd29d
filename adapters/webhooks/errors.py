"""What can go wrong around the webhook server.

WebhookError
└── CertificateError   a certificate is missing, unreadable, or does not belong to its key
"""


class WebhookError(Exception):
    """Base of all errors of this package."""


class CertificateError(WebhookError):
    """No usable certificate. The message says which, and what to do."""
