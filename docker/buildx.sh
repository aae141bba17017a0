#!/bin/sh
# Builds, pushes and proves the images: `kvx images`, for those who look for it here. All flags are its own.
exec "$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/deploy.sh" images "$@"
