"""A page followed by its reader: the ``sh`` blocks of its sections are run, and must print what the page shows.

kubectl is the real one. Where the page reaches into the controller's pod, its command runs beside the controller that
the test has started in its place; Helm is played by what it would have the API server do.
"""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from tests.controlplane.build import binaries
from tests.pages import blocks, missing

ROOT: Final = Path(__file__).parents[2]
_STEP_SECONDS_MAX: Final = 60

_KUBECTL: Final = """\
#!/bin/sh
case "$*" in
*" exec deploy/lws-controller-manager -- "*)
    while [ "$1" != -- ]; do shift; done
    shift
    for word; do shift; set -- "$@" "$(echo "$word" | sed "s|^/var/lib/lws-events|$LWS_EVENTS_DATA_DIR|")"; done
    exec "$@" ;;
esac
exec "$KUBECTL" "$@"
"""
_HELM: Final = """\
#!/bin/sh
set -e
case "$*" in
"-n lws-system get manifest lws") cat "$HELM_MANIFEST" ;;
"-n lws-system uninstall lws")
    "$KUBECTL" delete --ignore-not-found -f "$HELM_MANIFEST" > /dev/null
    echo 'release "lws" uninstalled' ;;
*) echo "helm: $*: not played" >&2; exit 2 ;;
esac
"""


class FollowedGuide:
    """A page, and the folder in which its commands are typed."""

    def __init__(self, page: Path, *, folder: Path, kubeconfig: Path, data_dir: Path, release: str) -> None:
        """``data_dir``: of our controller; ``release``: the manifests that Helm has installed."""
        self._sections = _sections(page.read_text())
        self._folder = folder
        self.followed: list[str] = []
        """Titles of the sections that were followed, in order."""
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        programs = folder / "programs"
        programs.mkdir()
        for name, script in (("kubectl", _KUBECTL), ("helm", _HELM)):
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        (folder / ".venv").symlink_to(sys.prefix)
        self.write("helm.yaml", release)
        self._environment = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
            "KUBECTL": str(binaries() / "kubectl"),
            "HELM_MANIFEST": str(folder / "helm.yaml"),
            "LWS_EVENTS_DATA_DIR": str(data_dir),
        }

    @property
    def with_commands(self) -> set[str]:
        """Titles of the sections that have something to type."""
        return {title for title, text in self._sections.items() if blocks(text, "sh")}

    def write(self, name: str, content: str) -> None:
        """Put a file beside where the commands are typed."""
        (self._folder / name).write_text(content)

    async def follow(self, title: str) -> None:
        """Type everything of a section. Raises ``AssertionError`` where it fails, or prints something else."""
        self.followed.append(title)
        text = self._sections[title]
        for commands, shown in re.findall(r"^```sh\n(.*?)^```(?:\n+```text\n(.*?)^```)?", text, re.DOTALL | re.M):
            printed = await self.type(commands)
            assert missing(shown.splitlines(), printed=printed) == [], f"{commands}\n{printed}"

    async def type(self, commands: str) -> str:
        """Run commands of a shell; returns what they print. Raises ``AssertionError`` where one fails."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-e", "-c", commands),
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), timeout=_STEP_SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, f"{commands}\nexit code {process.returncode}\n{output.decode()}"
        return output.decode()


def _sections(text: str) -> dict[str, str]:
    found = re.split(r"^##+ (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))
