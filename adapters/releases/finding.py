"""Where another release is: a path, or a version that pip can get.

A release is only imported, never built, and it needs nothing but its package ``lws_events`` and msgspec.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from adapters.releases.errors import ReleaseError

PACKAGE: Final = "lws_events"
_DISTRIBUTION: Final = "lws-events"
_VERSION: Final = re.compile(r"v?(\d+(?:\.\d+)*(?:[-.]?(?:a|b|rc|post|dev)\d*)*)")
_ARCHIVES: Final = (".whl", ".zip")


class Release(NamedTuple):
    """How to run another release: which interpreter, and where its package is if that does not know by itself."""

    interpreter: Path
    import_path: Path | None = None


def find_release(where: str) -> Release:
    """A release by path (source tree, folder with the package, wheel, virtual environment, interpreter) or version.

    Raises ``ReleaseError``.
    """
    path = Path(where).expanduser()
    if path.exists():
        return _at(path.absolute())
    version = _VERSION.fullmatch(where)
    if version is None:
        raise ReleaseError(
            f"--against {where}: there is no such path, and it is no version",
            hint="give a source tree, a wheel, a virtual environment, an interpreter, or a version such as 0.2.0",
        )
    return Release(Path(sys.executable), _installed(version.group(1)))


def _at(path: Path) -> Release:
    if path.is_file():
        if path.suffix in _ARCHIVES:
            return Release(Path(sys.executable), path)
        if os.access(path, os.X_OK):
            return Release(path)
    elif (path / PACKAGE / "__init__.py").is_file():
        return Release(Path(sys.executable), path)
    elif (path / "bin" / "python").exists():
        return Release(path / "bin" / "python")
    raise ReleaseError(
        f"--against {path}: that is no release",
        hint=f"a release is a folder with {PACKAGE}/ in it, a wheel, a virtual environment or an interpreter",
    )


def _installed(version: str) -> Path:
    """The folder of a version in the user's cache; pip puts it there, from the index that it is configured with."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    releases = (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / _DISTRIBUTION / "releases"
    target = releases / version
    if (target / PACKAGE / "__init__.py").is_file():
        return target
    releases.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=releases, prefix=".part-") as part:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-input", "--only-binary", ":all:", "--target", part, f"{_DISTRIBUTION}=={version}"]
        got = subprocess.run(command, capture_output=True, text=True, check=False)
        if got.returncode != 0:
            said = got.stderr.strip().splitlines() or ["it says nothing"]
            raise ReleaseError(
                f"--against {version}: pip cannot get {_DISTRIBUTION} {version}: {said[-1]}",
                hint="give the path of a checkout or wheel, or tell pip where to look (PIP_INDEX_URL, PIP_FIND_LINKS)",
            )
        if not (Path(part) / PACKAGE / "__init__.py").is_file():
            raise ReleaseError(f"--against {version}: {_DISTRIBUTION} {version} has no package {PACKAGE}")
        Path(part).rename(target)
        Path(part).mkdir()  # for its removal
    return target
