"""The namespace of a person who names none is the one that kubectl would take."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.kubernetes.context_namespace import namespace_of_context


def kubeconfig(path: Path, *, current: str | None = "a", **namespaces: str | None) -> Path:
    """Contexts with their namespaces."""
    contexts: list[dict[str, Any]] = [
        {"name": name, "context": {"cluster": "c", "user": "u"} | ({} if value is None else {"namespace": value})}
        for name, value in namespaces.items()
    ]
    content = {"contexts": contexts} | ({} if current is None else {"current-context": current})
    path.write_text(yaml.safe_dump(content))
    return path


def test_it_is_the_current_contexts(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", current="b", a="not-this", b="this")
    assert namespace_of_context(path, environ={}) == "this"


@pytest.mark.parametrize(
    "text",
    ["", "current-context: a\n", "a: [", "- a", "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]"],
)
def test_it_is_default_where_the_file_names_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert namespace_of_context(path, environ={}) == "default"


def test_it_is_default_without_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert namespace_of_context(None, environ={}) == "default"
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", a="of-home")
    assert namespace_of_context(None, environ={}) == "of-home"


def test_of_several_files_the_first_that_says_it_counts(tmp_path: Path) -> None:
    files = [
        tmp_path / "missing",
        kubeconfig(tmp_path / "one", current=None, a="first"),
        kubeconfig(tmp_path / "two", current="a", a="second", b="other"),
        kubeconfig(tmp_path / "three", current="b", b="third"),
    ]
    environ = {"KUBECONFIG": os.pathsep.join(map(str, files)), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert namespace_of_context(None, environ=environ) == "first"
    assert namespace_of_context(files[-1], environ=environ) == "third"


def test_in_a_pod_it_is_the_pods(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert namespace_of_context(None, environ=environ, account=tmp_path) == "default"
    (tmp_path / "namespace").write_text("of-pod\n")
    assert namespace_of_context(None, environ=environ, account=tmp_path) == "of-pod"
