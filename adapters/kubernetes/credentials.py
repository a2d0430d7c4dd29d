"""Where the API server is, whom to trust, and who we are: from a kubeconfig, or from the pod that we run in.

The kubernetes library reads what is more than plain files (exec plugins, OIDC) and refreshes what expires; it is
imported only when it is needed (``plain_credentials`` says why). Rotation: a token is read again every minute, an exec
plugin's or OIDC token when it is about to expire, everything (certificates too) from scratch when the API server
answers 401. Requests themselves are not made here.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from adapters.kubernetes.errors import CredentialsError
from adapters.kubernetes.pace import Clock, SystemClock
from adapters.kubernetes.plain_credentials import PlainConfiguration, of_pod, read

REREAD_SECONDS: Final = 60.0
"""How long a token is used before its source is looked at again: kubelets renew a token long before it expires."""


class Access(NamedTuple):
    """What one request needs to be let in."""

    authorization: str | None
    tls: ssl.SSLContext | bool
    """For aiohttp's ``ssl``: True is the default trust, which plain HTTP ignores."""
    server_hostname: str | None = None
    proxy: str | None = None


class Credentials(Protocol):
    """A way into one API server."""

    @property
    def server(self) -> str:
        """Base URL, without a final slash."""

    async def access(self) -> Access:
        """What to use now. Raises ``CredentialsError``."""

    async def renew(self, refused: Access) -> Access:
        """What to use after ``refused`` was answered with 401; many may ask at once. Raises ``CredentialsError``."""


class FixedCredentials:
    """An address and a token that never change: the simulated cluster, a proxy of kubectl, tests."""

    def __init__(self, server: str, *, token: str | None = None, tls: ssl.SSLContext | bool = True) -> None:
        self.server = server.rstrip("/")
        self._access = Access(f"Bearer {token}" if token else None, tls)

    async def access(self) -> Access:
        """Always the same."""
        return self._access

    async def renew(self, refused: Access) -> Access:  # noqa: ARG002 - nothing here can change
        """There is nothing to renew."""
        return self._access


async def load(
    kubeconfig: str | None = None, *, environ: Mapping[str, str] = os.environ, clock: Clock | None = None
) -> "LibraryCredentials":
    """Find credentials: the given file, else ``$KUBECONFIG``, else the pod's account, else ``~/.kube/config``.

    Raises ``CredentialsError`` where none of them is usable.
    """
    time = clock or SystemClock()
    source: _Source
    named = kubeconfig or environ.get("KUBECONFIG")
    if named:
        source = _KubeConfig(named)
    elif environ.get("KUBERNETES_SERVICE_HOST"):
        source = _InCluster(environ)
    else:
        default = Path.home() / ".kube" / "config"
        if not default.exists():
            raise CredentialsError(
                f"no API server to talk to: no --kubeconfig, no $KUBECONFIG, not in a pod, and no file {default}"
            )
        source = _KubeConfig(str(default))
    credentials = LibraryCredentials(source, clock=time)
    await credentials.access()
    return credentials


class _Source(Protocol):
    async def load(self) -> Any:
        """A fresh ``kubernetes.aio.client.Configuration``, everything read anew."""

    async def refresh(self, configuration: Any) -> None:
        """Bring a loaded configuration up to date, as far as its source says that it may have changed."""


class LibraryCredentials:
    """Credentials that the kubernetes library loads and refreshes."""

    def __init__(self, source: _Source, *, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._lock = asyncio.Lock()
        self._configuration: Any = None
        self._access: Access | None = None
        self._checked_at = 0.0
        self._tls_inputs: tuple[object, ...] | None = None
        self._tls: ssl.SSLContext | None = None

    @property
    def server(self) -> str:
        """Base URL of the API server."""
        assert self._configuration is not None, "credentials are loaded before their server is asked for"
        return str(self._configuration.host).rstrip("/")

    async def access(self) -> Access:
        """What to use now; the source is looked at again every ``REREAD_SECONDS``."""
        if self._access is not None and self._clock.monotonic() < self._checked_at + REREAD_SECONDS:
            return self._access
        async with self._lock:
            if self._access is None or self._clock.monotonic() >= self._checked_at + REREAD_SECONDS:
                await self._update(anew=self._configuration is None)
            assert self._access is not None
            return self._access

    async def renew(self, refused: Access) -> Access:
        """Load everything anew, once for all who were refused with the same credentials."""
        async with self._lock:
            if self._access is refused or self._access is None:
                await self._update(anew=True)
            assert self._access is not None
            return self._access

    async def _update(self, *, anew: bool) -> None:
        try:
            if anew:
                self._configuration = await self._source.load()
            else:
                await self._source.refresh(self._configuration)
            tls = self._tls_context()
        except CredentialsError:
            raise
        except Exception as error:  # the library, its plugins and ssl raise whatever they like
            raise CredentialsError(f"credentials cannot be loaded: {error}") from error
        configuration = self._configuration
        token = configuration.api_key.get("BearerToken")
        self._access = Access(
            token.strip() if token else None, tls, configuration.tls_server_name or None, configuration.proxy or None
        )
        self._checked_at = self._clock.monotonic()

    def _tls_context(self) -> ssl.SSLContext:
        """The context for the present files; the same object as long as their contents are the same."""
        configuration = self._configuration
        inputs = (
            _content(configuration.ssl_ca_cert),
            configuration.ca_cert_data,
            _content(configuration.cert_file),
            _content(configuration.key_file),
            configuration.verify_ssl,
        )
        if self._tls is None or inputs != self._tls_inputs:
            context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
            if configuration.cert_file:
                context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
            if not configuration.verify_ssl:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._tls, self._tls_inputs = context, inputs
        return self._tls


class _InCluster:
    """The account of the pod that this process runs in."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    async def load(self) -> PlainConfiguration:
        return of_pod(self._environ)

    async def refresh(self, configuration: PlainConfiguration) -> None:
        configuration.read_token()


class _KubeConfig:
    """A kubeconfig file, or several as in ``$KUBECONFIG``."""

    def __init__(self, files: str) -> None:
        self._files = files
        self._loader: Any = None

    async def load(self) -> Any:
        if not any(Path(path).expanduser().exists() for path in self._files.split(os.pathsep) if path):  # noqa: ASYNC240
            raise CredentialsError(f"kubeconfig {self._files} does not exist")
        plain = None if os.pathsep in self._files else read(Path(self._files).expanduser())  # noqa: ASYNC240
        if plain is not None:
            self._loader = None
            return plain
        from kubernetes.aio import config
        from kubernetes.aio.client import Configuration

        configuration = Configuration()
        if self._loader is not None and self._loader.provider == "oidc":
            # Only this loader knows the refresh token that the identity provider handed out last.
            await self._loader.load_and_set(configuration)
        else:
            library: Any = config
            self._loader = await library.load_kube_config(
                self._files, client_configuration=configuration, persist_config=False
            )
        if self._plugin and not configuration.api_key and not configuration.cert_file:
            raise CredentialsError(f"kubeconfig {self._files}: the exec plugin returned no credentials (see the log)")
        return configuration

    async def refresh(self, configuration: Any) -> None:
        if isinstance(configuration, PlainConfiguration):
            configuration.read_token()
            return
        if self._plugin and not hasattr(self._loader, "exec_plugin_expiry"):
            return  # without an expiry the plugin is run again only after a 401
        await self._loader.load_and_set(configuration)

    @property
    def _plugin(self) -> bool:
        user = self._loader._user  # the library has no public way to ask
        return user is not None and "exec" in user


def _content(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None
