"""How long the fuzz tests run: a fixed number of examples by default, ``LWS_FUZZ_EXAMPLES`` times as many on request.

Without that variable they are derandomised, so that a run of the suite gives the same answer twice.
"""

import os

from hypothesis import HealthCheck, settings

_FACTOR = os.environ.get("LWS_FUZZ_EXAMPLES", "")


def fuzzed(count: int) -> settings:
    """Settings of one fuzz test that by default tries ``count`` examples."""
    return settings(
        max_examples=count * int(_FACTOR or "1"),
        derandomize=not _FACTOR,
        print_blob=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
