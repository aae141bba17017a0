"""Makes the real API server of tests/components/kubernetes available to the tests of the commands."""

import importlib.util
import sys
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "components" / "kubernetes" / "fixtures.py"

_spec = importlib.util.spec_from_file_location("kubernetes_component", FIXTURES)
assert _spec is not None
assert _spec.loader is not None
kubernetes_component = importlib.util.module_from_spec(_spec)
sys.modules["kubernetes_component"] = kubernetes_component
_spec.loader.exec_module(kubernetes_component)

api_server = kubernetes_component.api_server
