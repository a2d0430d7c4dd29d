"""What can go wrong around the webhook server.

WebhookError
├── RequestsRefused    who keeps requests will never take these
└── CertificateError   a certificate is missing, unreadable, or does not belong to its key
"""


class WebhookError(Exception):
    """Base of all errors of this package."""


class CertificateError(WebhookError):
    """No usable certificate. The message says which, and what to do."""


class RequestsRefused(WebhookError):  # noqa: N818 (the name says what happened)
    """Sending these requests again would be refused again. The message says why."""
