"""Names taken apart (spec 3.1) and subjects of the journal, there and back."""

import pytest

from lws_events import subjects
from lws_events.names import pod_ordinal
from lws_events.subjects import Address, SetName


@pytest.mark.parametrize(
    ("name", "parent", "ordinal"),
    [
        ("sample-0", "sample", 0),
        ("sample-1-12", "sample-1", 12),
        ("sample-007", "sample", 7),
        ("-3", "", 3),
        ("sample--3", "sample-", 3),
        ("sample-2147483647", "sample", 2**31 - 1),
        ("sample-2147483648", "sample", -1),
        (f"sample-{'9' * 5000}", "sample", -1),
        (f"sample-{'0' * 5000}1", "sample", 1),
        ("sample", "", -1),
        ("sample-", "", -1),
        ("sample-x", "", -1),
        ("sample-1\n", "", -1),
        ("sample-\u0663", "", -1),
        ("7", "", -1),
        ("", "", -1),
    ],
)
def test_a_pod_name_is_parent_and_ordinal(name: str, parent: str, ordinal: int) -> None:
    assert pod_ordinal(name) == (parent, ordinal)


@pytest.mark.parametrize("text", ["a", "a.b", "%", "%2E", "%25", "a b", "*", ">", ""])
def test_any_text_is_one_token_there_and_back(text: str) -> None:
    token = subjects.encode_token(text)
    assert token
    assert not set(token) & set(". *>")
    assert subjects.decode_token(token) == text


def test_subjects_say_which_object_of_which_set() -> None:
    set_name = SetName("team.a", "llama")
    partition = subjects.partition(set_name)
    event = subjects.event_subject("prod", set_name, subjects.POD, "llama-0.x")
    assert subjects.parse(event) == Address("prod", partition, set_name, "pod", "llama-0.x")
    decision = subjects.decision_subject("prod", set_name)
    assert subjects.parse(decision) == Address("prod", partition, set_name, "", "")
    assert subjects.parse(subjects.epoch_subject("prod")) is None
    assert subjects.parse("lws.events.prod.x.team.llama.pod.llama-0") is None


def test_partitions_never_move() -> None:
    assert [subjects.partition(SetName("default", name)) for name in ("a", "llama", "sample")] == [46, 61, 26]
