"""A real Kubernetes API server with its etcd, made by `build` beside this file; nothing else of a cluster."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

BUILD = Path(__file__).with_name("build")
ADMIN_TOKEN = "admin-token"
POWERLESS_TOKEN = "powerless-token"
READY_SECONDS = 240.0
REQUEST_SECONDS = 60.0
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
ATTEMPTS = 3
AUTHORITY_SETTINGS = """
[ca]
default_ca = authority
[authority]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
private_key = client-ca.key
certificate = client-ca.crt
policy = anyone
x509_extensions = extension
[anyone]
commonName = supplied
[extension]
"""


def missing(name: str = "kube-apiserver") -> str | None:
    """Why the API server cannot be started, None if it can. For COMPONENTS of tests/conftest.py."""
    if shutil.which("etcd") is None:
        return f"{name} needs etcd (Debian package etcd-server)"
    if not (binaries() / "kube-apiserver").is_file():
        return f"{name} is not built; run {BUILD}"
    return None


@cache
def binaries() -> Path:
    """The folder in which `build` keeps what it made."""
    return Path(subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip())


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server; `folder` holds what it wrote, and a kubeconfig for each user asked for."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def authority(self) -> Path:
        """Vouches for the server."""
        return self.folder / "certs" / "apiserver.crt"

    @property
    def client_authority(self) -> Path:
        """Vouches for users who come with a certificate."""
        return self.folder / "client-ca.crt"

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        """One call as an administrator; AssertionError with the server's words unless it succeeds."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        with urllib3.PoolManager(ca_certs=str(self.authority)) as pool:
            response = pool.request(
                method,
                f"{self.url}{path}",
                body=json.dumps(body) if body is not None else None,
                headers={"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": kind},
                timeout=urllib3.Timeout(total=REQUEST_SECONDS),
                retries=False,
            )
        assert response.status < 300, response.data.decode()
        answer: dict[str, object] = response.json()
        return answer

    def audited(self, agent: str = "") -> list[dict[str, Any]]:
        """Every call so far whose user agent begins so, as the audit log has it: verb, requestURI ...

        A call is written down just after its answer: one of our own comes last, and is waited for.
        """
        time.sleep(0.2)
        last = f"/version?last={uuid4().hex}"
        self.request("GET", last)
        end = time.monotonic() + REQUEST_SECONDS
        while last not in (text := written(self.folder / "audit.log")):
            assert time.monotonic() < end, f"{last} is not in the audit log"
            time.sleep(0.1)
        entries = [json.loads(line) for line in text.splitlines()]
        return [entry for entry in entries if str(entry.get("userAgent", "")).startswith(agent)]

    def kubeconfig(self, user: Mapping[str, object] | None = None, *, name: str = "real") -> Path:
        """A kubeconfig file whose context is `name`; the user is the administrator unless given."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "c", "cluster": {"server": self.url, "certificate-authority": str(self.authority)}}
            ],
            "users": [{"name": "u", "user": user or {"token": ADMIN_TOKEN}}],
            "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}}],
            "current-context": name,
        }
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(content))  # JSON is YAML
        return path

    def issued(self, subject: str, end: str, extension: str) -> tuple[Path, Path]:
        """A certificate of the client authority from 2024 until `end` (as 20491231000000Z), and its key."""
        (self.folder / "index.txt").write_text("")
        (self.folder / "serial").write_text("01\n")
        (self.folder / "ca.cnf").write_text(AUTHORITY_SETTINGS + extension + "\n")
        new_key = ("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{subject}.key")
        openssl(self.folder, *new_key)
        wish = ("req", "-new", "-key", f"{subject}.key", "-subj", f"/CN={subject}", "-out", f"{subject}.csr")
        openssl(self.folder, *wish)
        sign = ("ca", "-batch", "-config", "ca.cnf", "-in", f"{subject}.csr", "-out", f"{subject}.crt")
        openssl(self.folder, *sign, "-notext", "-startdate", "20240101000000Z", "-enddate", end)
        return self.folder / f"{subject}.crt", self.folder / f"{subject}.key"


def written(log: Path) -> str:
    """Its whole lines: the last may be half written."""
    return "".join(log.read_text().rpartition("\n")[:2])


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API server, shared by all tests of the session; mark them needs("kube-apiserver")."""
    with running_api_server(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@contextmanager
def running_api_server(folder: Path) -> Iterator[ApiServer]:
    """An API server of its own; another try with other ports if one was taken meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        home = folder / str(attempt)
        home.mkdir()
        with _started(home) as server:
            if _ready(server):
                yield server
                return
    log = (home / "kube-apiserver.log").read_text(errors="replace")
    raise AssertionError(f"kube-apiserver did not become ready: {log[-2000:]}")


@contextmanager
def _started(folder: Path) -> Iterator[ApiServer]:
    etcd_port, peer_port, port = _free_ports(3)
    _write_credentials(folder)
    with (
        _process(folder, "etcd", _etcd(folder, etcd_port, peer_port)),
        _process(folder, "kube-apiserver", _kube_apiserver(folder, etcd_port, port)) as process,
    ):
        yield ApiServer(f"https://127.0.0.1:{port}", folder, process)


def _etcd(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        *("etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}"),
    ]


def _kube_apiserver(folder: Path, etcd_port: int, port: int) -> list[str]:
    return [
        str(binaries() / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--service-account-key-file={folder}/sa.key",
        f"--service-account-signing-key-file={folder}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder}/tokens.csv",
        f"--client-ca-file={folder}/client-ca.crt",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={folder}/certs",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--audit-policy-file={folder}/audit-policy.json",
        f"--audit-log-path={folder}/audit.log",
        # Pods would have to wait for a controller that makes their service account.
        "--disable-admission-plugins=ServiceAccount",
    ]


def _write_credentials(folder: Path) -> None:
    (folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))  # JSON is YAML
    (folder / "tokens.csv").write_text(
        f"{ADMIN_TOKEN},admin,admin,system:masters\n{POWERLESS_TOKEN},powerless,powerless\n"
    )
    openssl(folder, "genrsa", "-out", "sa.key", "2048")
    openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "client-ca.key")
    openssl(
        *(
            folder,
            "req",
            "-x509",
            "-new",
            "-key",
            "client-ca.key",
            "-days",
            "30",
            "-subj",
            "/CN=test-client-ca",
        ),
        *("-addext", "keyUsage=critical,keyCertSign", "-out", "client-ca.crt"),
    )


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _process(folder: Path, name: str, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready(server: ApiServer) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        if server.authority.exists() and _answers_ready(server):
            return True
        time.sleep(0.1)
    return False


def _answers_ready(server: ApiServer) -> bool:
    try:
        with urllib3.PoolManager(ca_certs=str(server.authority)) as pool:
            answer = pool.request("GET", f"{server.url}/readyz", timeout=2, retries=False)
            return answer.status == 200
    except urllib3.exceptions.HTTPError:
        return False
