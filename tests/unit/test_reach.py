"""What the answers of the API server say about reaching it."""

from adapters.controller.reach import Reach


class Counting:
    def __init__(self) -> None:
        self.codes: list[int] = []

    def count(self, *, method: str, resource: str, code: int) -> None:
        self.codes.append(code)


def reach(*answers: tuple[str, str, int]) -> Reach:
    found = Reach(Counting())
    for method, resource, code in answers:
        found.count(method=method, resource=resource, code=code)
    return found


def test_nothing_is_wrong_before_the_first_answer() -> None:
    assert reach().problem == ""


def test_silence_counts_until_the_next_answer() -> None:
    assert "does not answer" in reach(("GET", "pods", 200), ("GET", "pods", 0)).problem
    assert reach(("GET", "pods", 0), ("PATCH", "pods", 409)).problem == ""


def test_credentials_that_are_refused() -> None:
    assert "credentials (401)" in reach(("GET", "pods", 401)).problem


def test_what_may_not_be_read_is_named_until_it_may() -> None:
    refused = (("GET", "pods", 403), ("GET", "nodes", 403), ("GET", "services", 200))
    assert reach(*refused).problem.endswith("nodes, pods (403)")
    assert reach(*refused, ("GET", "pods", 200)).problem.endswith("nodes (403)")


def test_a_write_that_is_forbidden_says_nothing_about_reading() -> None:
    """A quota answers with 403 too."""
    assert reach(("POST", "pods", 403)).problem == ""


def test_every_answer_is_handed_on() -> None:
    meter = Counting()
    found = Reach(meter)
    for code in (200, 0, 401, 403):
        found.count(method="GET", resource="pods", code=code)
    assert meter.codes == [200, 0, 401, 403]
