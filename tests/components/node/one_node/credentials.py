"""Who is who in the cluster: tokens for its parts, and two authorities for those with certificates."""

import json
from pathlib import Path

from one_node.place import ADMIN_TOKEN, Place
from one_node.programs import run

# user -> the groups it belongs to; a user's token is its name with dashes, and holds as long as the cluster.
PARTS = {
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
    "system:metrics-server": "",
    "system:vpa-recommender": "system:masters",
    "system:policy-enforcer": "system:masters",
}
AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")


def write(place: Place) -> None:
    """Keys, certificates, tokens, and a kubeconfig for each user."""
    folder = place.folder / "credentials"
    folder.mkdir(mode=0o700)
    users = {**PARTS, f"system:node:{place.name}": "system:nodes"}
    lines = [f"{ADMIN_TOKEN},admin,admin,system:masters", "powerless-token,powerless,powerless"]
    lines += [",".join(filter(None, (token(user), user, user, group))) for user, group in users.items()]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
    run("openssl", "genrsa", "-out", "accounts.key", "2048", cwd=folder)
    for authority, client, subject in (
        ("client-ca", "kubelet-client", "/O=system:masters/CN=kube-apiserver"),
        ("front-ca", "front", "/CN=front-proxy-client"),
    ):
        _authority(folder, authority)
        _client(folder, authority, client, subject)


def token(user: str) -> str:
    return user.replace(":", "-")


def kubeconfig(place: Place, path: Path, users_token: str, authority: Path) -> None:
    """JSON is YAML."""
    cluster = {"server": place.url, "certificate-authority": str(authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": place.name, "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": users_token}}],
        "contexts": [{"name": place.name, "context": {"cluster": place.name, "user": "user"}}],
        "current-context": place.name,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))


def _key(folder: Path, name: str) -> None:
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key", cwd=folder)


def _authority(folder: Path, name: str) -> None:
    _key(folder, name)
    wish = ("req", "-x509", "-new", "-key", f"{name}.key", "-days", "30", "-subj", f"/CN={name}")
    run("openssl", *wish, *AUTHORITY, "-out", f"{name}.crt", cwd=folder)


def _client(folder: Path, authority: str, name: str, subject: str) -> None:
    _key(folder, name)
    (folder / f"{name}.extension").write_text("extendedKeyUsage=clientAuth\n")
    run("openssl", "req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr", cwd=folder)
    sign = ("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key")
    more = ("-CAcreateserial", "-days", "30", "-extfile", f"{name}.extension", "-out", f"{name}.crt")
    run("openssl", *sign, *more, cwd=folder)
