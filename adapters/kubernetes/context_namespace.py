"""Which namespace a person means who names none: that of the kubeconfig's context, as kubectl takes it.

Credentials and clusters of the same files are ``credentials``'s business; it also says what is wrong with a file, so
one that cannot be read is no error here. Commands that read a journal alone do not ask: a journal is not of the cluster
that a kubeconfig happens to point at.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from adapters.kubernetes.plain_credentials import ACCOUNT

DEFAULT: Final = "default"


def namespace_of_context(
    kubeconfig: Path | None, *, environ: Mapping[str, str] = os.environ, account: Path = ACCOUNT
) -> str:
    """Found where ``credentials.load`` finds the API server: the given file, ``$KUBECONFIG``, the pod, the home.

    Of several files in ``$KUBECONFIG`` the first that has a current context, and the first that has a context of that
    name. Where none is named it is ``default``.
    """
    named = str(kubeconfig) if kubeconfig is not None else environ.get("KUBECONFIG")
    if not named and environ.get("KUBERNETES_SERVICE_HOST"):
        return _text(account / "namespace").strip() or DEFAULT
    paths = named.split(os.pathsep) if named else ["~/.kube/config"]
    contents = [_content(Path(path).expanduser()) for path in paths if path]
    current = next((found for one in contents if (found := one.get("current-context"))), None)
    for content in contents:
        for context in content.get("contexts") or ():
            if isinstance(context, dict) and context.get("name") == current:
                return str((context.get("context") or {}).get("namespace") or DEFAULT)
    return DEFAULT


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(_text(path))
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
