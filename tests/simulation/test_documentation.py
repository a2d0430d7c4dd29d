"""The examples of the documentation run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "simulated-cluster.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[f"example{number}" for number in range(1, len(BLOCKS) + 1)])
def test_an_example_runs(block: str) -> None:
    result = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 2
