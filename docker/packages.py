#!/usr/bin/env python3
"""Fills the image's folder of packages, inside the build: needs nothing but Python and its pip.

packages.py install      REQUIREMENTS TARGET    wheels for TARGETARCH, whatever processor this runs on
packages.py install-here REQUIREMENTS TARGET    the same on that processor itself, or as it is emulated
packages.py program      SOURCE TARGET BUILDER FOLDER   kvx as its own wheel by BUILDER; and an empty folder
packages.py service      SOURCE TARGET BUILDER MODELS   the voice API so, and what asks for its health
packages.py bytecode     ROOT TARGET            of the standard library, where the base image brings none

Every file comes out the same each time: no paths of the build, and of all times one that never changes, so
that a layer whose packages are the same is the same, whatever commit it was built for.
"""

import compileall
import hashlib
import os
import platform
import py_compile
import runpy
import shutil
import sys
from pathlib import Path

PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
# Newest first: a wheel says the oldest glibc that it runs with, and Debian 12 has 2.36.
MANYLINUX = ("2_28", "2_27", "2_26", "2_24", "2_17")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UNCHANGING = 315_532_800  # the first day of 1980, which wheels begin their time with
# Of what is installed, the service never imports these; tests/images asks it to work without them.
LEFT_OUT = (
    "bin",
    "include",
    "lib64",
    "share",
    "kubernetes/aio",
    "**/tests",
    "numpy/distutils",
    "numpy/f2py",
    "onnx/backend",
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/testing",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.a",
    "**/*.h",
    "**/*.cc",
)


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    acts = {
        "install": install,
        "install-here": install_here,
        "program": program,
        "service": service,
        "bytecode": standard_library_bytecode,
    }
    acts[arguments[0]](*map(Path, arguments[1:]))


def install(requirements: Path, target: Path) -> None:
    """Wheels for the target's processor by their hashes, unpacked and not run."""
    processor = PROCESSORS[os.environ["TARGETARCH"]]
    glibc = [f"--platform=manylinux_{version}_{processor}" for version in MANYLINUX]
    _pip(
        *glibc,
        f"--platform=manylinux2014_{processor}",
        "--implementation=cp",
        f"--python-version={PYTHON}",
        "--only-binary=:all:",
        requirements=requirements,
        target=target,
    )
    _finish(target)


def install_here(requirements: Path, target: Path) -> None:
    """As the target's own pip does it: slow under emulation, and the way for what has no wheel."""
    wanted, found = PROCESSORS[os.environ["TARGETARCH"]], platform.machine()
    if found != wanted:
        sys.exit(f"packages: this is {found}; build with PACKAGES=emulated only where {wanted} can run")
    _pip(requirements=requirements, target=target)
    _finish(target)


def service(source: Path, target: Path, builder: Path, models: Path) -> None:
    """The voice API, what asks for its health, and the folder where models are mounted."""
    program(source, target, builder, models)
    shutil.copyfile("/build/health.py", target / "health.py")
    _finish(target)


def program(source: Path, target: Path, builder: Path, folder: Path) -> None:
    """A wheel, so that the program knows its version; and an empty folder of its own."""
    sys.path.insert(0, str(builder))
    os.environ["PYTHONPATH"] = str(builder)  # pip builds in a process of its own
    words = ["--no-index", "--no-deps", "--no-build-isolation", f"--target={target}", str(source)]
    _run_pip(["install", *words])
    for record in target.glob("*.dist-info/direct_url.json"):
        record.unlink()  # it names a folder of the build
    _finish(target)
    folder.mkdir(parents=True)
    _settle_times(folder)


def standard_library_bytecode(root: Path, target: Path) -> None:
    """Bytecode beside the sources of the base image's standard library; the base must have this Python."""
    places = (f"usr/lib/python{PYTHON}", f"usr/local/lib/python{PYTHON}")
    found = [place for place in places if (root / place / "os.py").is_file()]
    if not found:
        sys.exit(f"packages: the base image has no Python {PYTHON}; name one that has with BASE")
    for place in found:
        ignored = shutil.ignore_patterns("__pycache__", "site-packages", "dist-packages", "test", "*.so")
        shutil.copytree(root / place, target / place, ignore=ignored, symlinks=True)
        _compile(target / place, f"/{place}")
        for file in [path for path in (target / place).rglob("*") if not path.is_dir()]:
            if file.suffix != ".pyc":
                file.unlink()
    _settle_times(target)


def _pip(*words: str, requirements: Path, target: Path) -> None:
    """pip in this process: nothing is started, which an emulated processor would not allow."""
    common = ["--no-deps", "--require-hashes", f"--target={target}", "-r", str(requirements)]
    _run_pip(["install", *words, *common])


def _run_pip(words: list[str]) -> None:
    sys.argv = ["pip", "--disable-pip-version-check", "--no-input", *words, "--no-compile", "--quiet"]
    try:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            target = os.environ.get("TARGETARCH")
            print(
                f"packages: pip could not install what {words[-1]} names for {target}, see above; "
                "where the index answers and has no wheel for it, build with PACKAGES=emulated",
                file=sys.stderr,
            )
            raise


def _finish(target: Path) -> None:
    for pattern in LEFT_OUT:
        for path in list(target.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _link_copies(target)
    _compile(target, f"/opt/{target.name}")
    _settle_times(target.parents[1])  # /opt too, which the copy into the image would else date anew


def _link_copies(target: Path) -> None:
    """Wheels hold no links: a library that has three names lies in them three times."""
    first: dict[tuple[Path, str], Path] = {}
    for file in sorted(target.rglob("*.so*")):
        if file.is_file() and not file.is_symlink():
            known = first.setdefault((file.parent, hashlib.sha256(file.read_bytes()).hexdigest()), file)
            if known != file:
                file.unlink()
                file.symlink_to(known.name)


def _settle_times(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (UNCHANGING, UNCHANGING), follow_symlinks=False)


def _compile(folder: Path, place: str) -> None:
    """Bytecode that holds for its source without a look at it: the image never changes."""
    done = compileall.compile_dir(
        folder,
        stripdir=str(folder),
        prependdir=place,
        quiet=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        sys.exit(f"packages: something in {folder} is no Python {PYTHON}")


if __name__ == "__main__":
    main(sys.argv[1:])
