"""The voice API's image: built for both processors, looked into, and run as a cluster would run it."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from container import Container, Unpacked, running, wait_until_ready
from workshop import ROOT, tools

MEGABYTE, MEBIBYTE = 1_000_000, 1 << 20
PYTHON = "/usr/bin/python3"
READY_SECONDS = 300.0
START_SECONDS = 2.0
pytestmark = [pytest.mark.needs("images"), pytest.mark.timeout(1500)]


def test_it_is_built_for_both_processors_and_proven(verified: dict[str, Any]) -> None:
    image = verified["voice-api"]
    assert image["findings"] == []
    assert set(image["platforms"]) == {"linux/arm64", "linux/amd64"}
    sizes = {name: each["size_bytes"] / MEGABYTE for name, each in image["platforms"].items()}
    print(", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()))
    assert sizes["linux/arm64"] < 110  # 150 are allowed
    assert all(each["programs"] > 100 for each in image["platforms"].values())


PLANTED = (
    *(
        ".env",
        "kvx.toml",
        ".kvx/cluster/token",
        "id_rsa",
        "voice_api/.env",
        "docker/.env",
        "requirements/.netrc",
    ),
    *("voice_api/voice_api/id_rsa", "voice_api/voice_api/.env", "voice_api/voice_api/kvx.toml"),
    *("voice_api/voice_api/.kvx/token", "voice_api/voice_api/kubeconfig"),
    *("voice_api/voice_api/models/embedded/key.pem", "voice_api/voice_api/commands/grammar/.netrc"),
)


def test_built_from_nothing_elsewhere_it_is_the_same_and_no_secret_that_lies_about_is_in_it(
    built: Any, verified: dict[str, Any], clone: Path, tmp_path: Path
) -> None:
    another = shutil.copytree(clone, tmp_path / "another", symlinks=True)
    for name in PLANTED:
        (another / name).parent.mkdir(parents=True, exist_ok=True)
        (another / name).write_text("-----BEGIN PRIVATE KEY-----\nTOKEN=planted")
    built.bake("again", "--no-cache", names=("voice-api",), source=another, PLATFORMS="linux/arm64")
    url = f"http://{built.registry}/v2/voice-api/manifests/again"
    kinds = {"accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
    answer = httpx.get(url, headers=kinds, trust_env=False, timeout=60)
    again = answer.headers["docker-content-digest"]
    assert again == verified["voice-api"]["platforms"]["linux/arm64"]["digest"]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_there_is_no_shell_no_pip_and_no_compiler(
    unpacked: Callable[[str], Unpacked], architecture: str
) -> None:
    root = unpacked(architecture).root
    programs = {
        file.name for folder in ("usr/bin", "usr/sbin", "usr/local/bin") for file in _files(root / folder)
    }
    assert programs == {"python3", "python3.11"}
    assert not [*root.rglob("pip"), *root.rglob("setuptools"), *root.rglob("huggingface_hub")]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_no_library_lies_in_it_twice(unpacked: Callable[[str], Unpacked], architecture: str) -> None:
    packages = unpacked(architecture).root / "opt" / "voice-api"
    libraries = [file for file in packages.rglob("*.so*") if not file.is_symlink()]
    contents = {(file.parent, file.read_bytes()) for file in libraries}
    assert len(contents) == len(libraries) > 30


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_its_user_owns_nothing_but_the_folder_of_the_models(
    unpacked: Callable[[str], Unpacked], architecture: str
) -> None:
    root = unpacked(architecture).root
    own = [file for file in root.rglob("*") if not file.is_symlink() and file.stat().st_uid != 0]
    assert [str(file.relative_to(root)) for file in own] == ["models"]
    writable = [file for file in root.rglob("*") if not file.is_symlink() and file.stat().st_mode & 0o002]
    assert [str(file.relative_to(root)) for file in writable] == ["tmp"]


def test_bytecode_is_there_for_every_module_that_serving_imports(
    unpacked: Callable[[str], Unpacked],
) -> None:
    root = unpacked("arm64").root
    for package in ("opt/voice-api/voice_api", "opt/voice-api/fastapi", "usr/lib/python3.11/asyncio"):
        sources = {file.stem for file in (root / package).glob("*.py")}
        compiled = {file.name.split(".")[0] for file in (root / package / "__pycache__").glob("*.pyc")}
        assert sources <= compiled


@pytest.fixture(scope="module", params=["amd64", "arm64"])
def container(
    request: pytest.FixtureRequest,
    unpacked: Callable[[str], Unpacked],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Container, httpx.Client]]:
    """It runs: read-only, without capabilities, with 512 MiB and one processor."""
    image = unpacked(request.param)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"KVX_VOICE_PORT": str(port), "KVX_VOICE_HOST": "127.0.0.1", "KVX_VOICE_METRICS_PORT": "0"}
    settings["KVX_VOICE_KUBECONFIG"] = "none"
    with ExitStack() as stack:
        running_one = stack.enter_context(
            running(image, tools() / "runc", image.root.parent, environment=settings)
        )
        url = f"http://127.0.0.1:{port}"
        seconds = wait_until_ready(running_one, url, READY_SECONDS)
        print(f"{request.param}: ready after {seconds:.1f} s")
        # What it needs of its one processor; how long a busy machine lets it wait says nothing of it.
        assert request.param != "amd64" or running_one.processor_seconds < START_SECONDS
        client = stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=120))
        yield request.param, running_one, client
        assert running_one.process.poll() is None, running_one.log.read_text()


def test_it_hears_what_was_said(
    container: tuple[str, Container, httpx.Client], sound: bytes, sentence: str
) -> None:
    architecture, running_one, client = container
    answer = client.post(
        "/v1/audio/transcriptions", files={"file": ("a.wav", sound)}, data={"model": "whisper-1"}
    )
    assert answer.status_code == 200, running_one.log.read_text()
    assert answer.json()["text"] == sentence
    processor = client.get("/health").json()["cpu"]
    assert processor["machine"] == {"amd64": "x86_64", "arm64": "aarch64"}[architecture]
    assert architecture != "arm64" or processor["int8_kernel"] == "SDOT/UDOT"


def test_its_health_check_passes(container: tuple[str, Container, httpx.Client]) -> None:
    _, running_one, _ = container
    check = running_one.image.configuration["config"]["Healthcheck"]["Test"]
    done = running_one.execute(*check[1:])
    assert (done.returncode, done.stderr) == (0, "")


def test_its_health_check_fails_where_nothing_hears(
    container: tuple[str, Container, httpx.Client],
) -> None:
    _, running_one, _ = container
    code = "import os, runpy; os.environ['KVX_VOICE_PORT'] = '9'; "
    code += "runpy.run_path('/opt/voice-api/health.py', run_name='__main__')"
    done = running_one.execute(PYTHON, "-P", "-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith("unhealthy: ")


def test_it_is_locked_down(container: tuple[str, Container, httpx.Client]) -> None:
    _, running_one, _ = container
    status = running_one.execute(PYTHON, "-c", "print(open('/proc/1/status').read())").stdout
    said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert said["Uid"].split() == ["65532"] * 4
    assert {said[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert said["NoNewPrivs"] == "1"
    for path in ("/etc/x", "/opt/voice-api/x", "/models/x", "/x"):
        done = running_one.execute(PYTHON, "-c", f"open('{path}', 'w')")
        assert "Read-only file system" in done.stderr, path


def test_memory_stays_within_its_bound(container: tuple[str, Container, httpx.Client]) -> None:
    architecture, running_one, _ = container
    peak = running_one.peak_memory_bytes / MEBIBYTE
    print(f"{architecture}: {peak:.0f} MiB at most")
    assert peak < (300 if architecture == "amd64" else 512)  # qemu needs memory of its own


def test_the_dockerfile_is_as_linters_want_it(workshop: Any) -> None:
    file = ROOT / "docker" / "voice-api.Dockerfile"
    done = subprocess.run([Path(sys.executable).with_name("hadolint"), file], check=False, **_here())
    assert done.stdout == ""
    assert done.returncode == 0
    words = ("build", "--check", f"--file={file}", f"--build-arg=BASE={workshop.base}")
    workshop.buildx(*words, f"--build-arg=BUILDER={workshop.builder}", str(ROOT))


def test_packages_are_the_versions_that_machines_get() -> None:
    """requirements/runtime.txt pins them; requirements/compile follows it."""
    pinned = _versions("runtime.txt")
    for name in ("voice-api.txt", "kvx.txt", "builder.txt"):
        here = _versions(name)
        assert here == {package: pinned.get(package, version) for package, version in here.items()}
    assert {"onnxruntime", "numpy", "tokenizers", "kubernetes"} <= _versions("voice-api.txt").keys()


def test_every_file_of_the_service_that_is_no_source_may_reach_its_builder() -> None:
    """What is read at run time and not named in the list is missing in the image alone."""
    listed = subprocess.run(["git", "ls-files", "voice_api/voice_api"], check=True, **_here()).stdout
    data = [name for name in listed.splitlines() if not name.endswith((".py", ".md"))]
    named = (ROOT / "docker" / "voice-api.Dockerfile.dockerignore").read_text().splitlines()
    patterns = [_as_docker_reads(line.removeprefix("!")) for line in named if line.startswith("!")]
    assert len(data) > 5
    assert not [name for name in data if not any(pattern.fullmatch(name) for pattern in patterns)]


def _as_docker_reads(pattern: str) -> re.Pattern[str]:
    """`**/` is any number of folders, `*` is no slash."""
    parts = (re.escape(each).replace(r"\*", "[^/]*") for each in pattern.split("**/"))
    return re.compile("(?:.*/)?".join(parts))


def _versions(name: str) -> dict[str, str]:
    """Those that hold for Python 3.11."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    pins = (line.split(" \\")[0].split(" ;") for line in lines if "==" in line and not line.startswith(" "))
    wanted = (pin[0] for pin in pins if "python_full_version >= '3.12'" not in " ".join(pin[1:]))
    return dict(pin.split("==") for pin in wanted)


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*") if not file.is_dir()] if folder.is_dir() else []


def _here() -> dict[str, Any]:
    return {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 60}
