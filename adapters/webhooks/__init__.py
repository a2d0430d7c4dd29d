"""The webhook server: HTTPS around the pure admission functions, and the certificates that it takes.

``server`` answers reviews, ``changes`` passes admitted spec changes on to the audit, ``tls`` holds the certificate in
use, ``files`` and ``rotation`` are the two places where certificates come from, ``configuration`` describes the
webhooks to the API server. Nothing here decides what is admitted: that is ``lws_events.admission``.
"""
