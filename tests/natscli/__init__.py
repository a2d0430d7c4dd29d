"""The NATS command line, of the version that ``go.mod`` names: built once, then kept in the user's cache folder."""

import hashlib
import tempfile
from pathlib import Path
from typing import Final

from tests.controlplane.build import Program, build_program, go_tool_chain, locked, user_cache

HERE: Final = Path(__file__).parent
_NATS: Final = Program("nats", HERE, "github.com/nats-io/natscli/nats")


def nats_program() -> Path:
    """The program ``nats``, built now if it has to be (about a minute).

    Raises ``tests.controlplane.build.BuildError``.
    """
    cache = user_cache() / "natscli"
    folder = cache / hashlib.sha256((HERE / "go.mod").read_bytes()).hexdigest()[:8]
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / "lock"):
            if not folder.is_dir():
                _build(folder)
    return folder / _NATS.name


def _build(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        staging = Path(scratch) / "programs"
        staging.mkdir()
        build_program(go_tool_chain(), _NATS, staging / _NATS.name, link_flags="-s -w")
        staging.rename(folder)
