"""What is left out of kept logs, and what is not."""

import re
import time

import pytest

from adapters.kubernetes.redaction import REDACTED, Redaction

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {REDACTED}"),
        ('{"authorization": "Basic dXNlcjpwdw=="}', f'{{"authorization": "Basic {REDACTED}"}}'),
        ("using bearer 0123456789abcdef now", f"using bearer {REDACTED} now"),
        ("AKIAIOSFODNN7EXAMPLE and more", f"{REDACTED} and more"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", f"AWS_SECRET_ACCESS_KEY={REDACTED}"),
        ("password=hunter2 user=jane", f"password={REDACTED} user=jane"),
        ('"db_password" : "two words", "x": 1', f'"db_password" : {REDACTED}, "x": 1'),
        ("HF_TOKEN: hf_abcdefghijklmnopqrst", f"HF_TOKEN: {REDACTED}"),
        ("loaded hf_abcdefghijklmnopqrst", f"loaded {REDACTED}"),
        ("postgres://jane:hunter2@db:5432/x", f"postgres://jane:{REDACTED}@db:5432/x"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSM", REDACTED),
        (f"before\n{KEY}\nafter", f"before\n{REDACTED}\nafter"),
        (KEY.split("\n", 1)[1] + "\nafter", f"{REDACTED}\nafter"),
        (KEY.rsplit("\n", 1)[0], REDACTED),
    ],
)
def test_secrets_are_left_out(written: str, kept: str) -> None:
    assert Redaction().apply(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "CUDA out of memory: tried to allocate 2.00 GiB",
        "throughput: 4711 per second",
        "http://host:8080/path?x=1",
        "ValueError: expected 3 values",
    ],
)
def test_other_lines_stay_as_they_are(written: str) -> None:
    assert Redaction().apply(written) == written


def test_further_patterns_come_after_the_default_ones() -> None:
    assert Redaction([r"customer \d+", r"(?P<keep>ip=)\S+"]).apply("customer 12 ip=10.0.0.1 password=x") == (
        f"{REDACTED} ip={REDACTED} password={REDACTED}"
    )
    with pytest.raises(re.error):
        Redaction(["("])


@pytest.mark.parametrize(
    "written", ["a" * 200_000, "password" * 25_000, "-" * 200_000, "a.b-" * 50_000, "://:" * 50_000]
)
def test_no_text_takes_long(written: str) -> None:
    began = time.process_time()
    Redaction().apply(written)
    assert time.process_time() - began < 2.0
