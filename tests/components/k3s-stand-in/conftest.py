"""Leaves these tests out unless KVX_HOSTS is set: they take root and minutes, and CI builds none of it."""

import os

collect_ignore_glob = [] if os.environ.get("KVX_HOSTS") else ["test_*.py"]
