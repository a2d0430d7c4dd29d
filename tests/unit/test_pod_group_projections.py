"""What status and timeline tell of PodGroups."""

from lws_events.events import Owner, PodGroupDeleted, PodGroupObserved
from lws_events.subjects import POD_GROUP
from projections.status import status
from projections.timeline import timeline
from tests.journal_builder import SAMPLE, JournalBuilder

NAME = "sample-1-key"


def observed(version: int, phase: str = "") -> PodGroupObserved:
    owner = Owner("Pod", "sample-1", "l1")
    return PodGroupObserved(uid="g", resource_version=str(version), owner=owner, min_member=2, phase=phase)


def gang_scheduled() -> JournalBuilder:
    journal = JournalBuilder()
    journal.lws(replicas=2)
    journal.pod("sample-0", uid="l0")
    journal.pod("sample-1", uid="l1", gang_group=NAME)
    return journal


def test_status_names_the_pod_group_of_a_group_and_its_phase() -> None:
    journal = gang_scheduled()

    def shown() -> list[tuple[str, str, str]]:
        row = status(journal.events).row(SAMPLE)
        assert row is not None
        return [(group.name, group.pod_group, group.pod_group_phase) for group in row.groups]

    assert shown() == [("0", "", ""), ("1", NAME, "Missing")]
    journal.fact(POD_GROUP, NAME, observed(90))
    assert shown()[1] == ("1", NAME, "Pending")
    journal.fact(POD_GROUP, NAME, observed(91, "Running"))
    assert shown()[1] == ("1", NAME, "Running")
    journal.fact(POD_GROUP, NAME, PodGroupDeleted(uid="earlier", resource_version="92"))
    assert shown()[1] == ("1", NAME, "Running")
    journal.fact(POD_GROUP, NAME, PodGroupDeleted(uid="g", resource_version="93"))
    assert shown()[1] == ("1", NAME, "Missing")


def test_the_timeline_of_a_group_tells_each_phase_once() -> None:
    journal = gang_scheduled()
    for version, phase in ((90, ""), (91, "Pending"), (92, "Pending"), (93, "Running"), (91, "Pending")):
        journal.fact(POD_GROUP, NAME, observed(version, phase))
    journal.fact(POD_GROUP, NAME, PodGroupDeleted(uid="g", resource_version="95"))
    told = [entry.what for entry in timeline(journal.steps, SAMPLE, group="1") if "PodGroup" in entry.what]
    assert told == [
        f"PodGroup {NAME} exists, for 2 pods at least",
        f"PodGroup {NAME} exists in phase Pending, for 2 pods at least",
        f"PodGroup {NAME} exists in phase Running, for 2 pods at least",
        f"PodGroup {NAME} is gone",
    ]
