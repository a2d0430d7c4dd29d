"""Print every decision of a long scenario: run in other processes, whose hashes differ, by the determinism test."""

from lws_events import decisions
from tests.scenario import Scenario


def main() -> None:
    """One decision a line."""
    scenario = Scenario(replicas=4, networkConfig={"subdomainPolicy": "UniquePerReplica"})
    scenario.annotations = {f"example.com/{letter}": letter for letter in "zyxwvu"}
    scenario.run()
    scenario.pod_deleted("sample-2-1")
    scenario.pod("sample-0-2", restarts=1)
    scenario.apply_set(
        replicas=6, leaderWorkerTemplate={"workerTemplate": {"metadata": {"labels": {"b": "1", "a": "2"}}}}
    )
    scenario.carry_out()
    for index in range(4, 6):
        scenario.run_group(index)
    scenario.apply_set(replicas=1, startupPolicy="LeaderReady")
    scenario.carry_out()
    for decision in scenario.decisions:
        print(decisions.encode(decision).decode())


if __name__ == "__main__":
    main()
