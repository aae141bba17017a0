"""Adds files to the zip at the end of a program, under their names alone. usage: joined.py PROGRAM FILE..."""

import sys
import zipfile
from pathlib import Path


def join(program: Path, files: list[Path]) -> None:
    with zipfile.ZipFile(program, "a", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for file in files:
            archive.write(file, file.name)


if __name__ == "__main__":
    join(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
