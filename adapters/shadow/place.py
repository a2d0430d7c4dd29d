"""Where the journal of a shadow is: never where a controller's is.

The streams of a shadow have a name of their own, also on a NATS server that is shared; a data directory in which a
controller has ever kept its journal is refused.
"""

from pathlib import Path
from typing import Final

from adapters.journal.errors import JournalError
from adapters.nats.data_directory import DataDirectory
from adapters.nats.stream_names import cluster_of

PREFIX: Final = "shadow-of-"
"""Of the cluster's name in the journal of a shadow; a controller refuses such a name."""


class NotAShadowsPlace(JournalError):  # noqa: N818 - says what is wrong
    """The journal of a controller is there, which a shadow must neither read as its own nor write to."""


def journal_name(cluster: str) -> str:
    """Name under which a shadow of this cluster keeps its journal."""
    return cluster if cluster.startswith(PREFIX) else f"{PREFIX}{cluster}"


def require_own(data_dir: Path) -> None:
    """Raise ``NotAShadowsPlace`` for a data directory in which a controller keeps, or has kept, its journal."""
    for cluster in map(cluster_of, DataDirectory(data_dir).streams()):
        if cluster is not None and not cluster.startswith(PREFIX):
            raise NotAShadowsPlace(
                f"{data_dir} holds the journal of a controller of cluster {cluster!r}: a shadow must not share it; "
                "give another --data-dir"
            )
