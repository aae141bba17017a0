"""The shipped manifests break no rule, and with one defect each they break the rule that is meant."""

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from kvx.lint.linting import Report, lint
from kvx.lint.reading import read

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "k8s" / "overlays"
COMPONENTS = ROOT / "k8s" / "components"
pytestmark = pytest.mark.needs("kubectl")


def _mutants() -> ModuleType:
    """mutants.py beside this file."""
    spec = importlib.util.spec_from_file_location("mutants", Path(__file__).with_name("mutants.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mutants"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MUTANTS = _mutants().MUTANTS


@cache
def rendered(folder: Path) -> str:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def shipped() -> list[dict[str, Any]]:
    """What every mutant starts from, and copies."""
    return list(yaml.safe_load_all(rendered(OVERLAYS / "hetzner")))


def found(objects: list[dict[str, Any]]) -> Report:
    return lint([read("\n---\n".join(map(json.dumps, objects)), "mutant.yaml")])  # JSON is YAML


@pytest.mark.parametrize("overlay", sorted(each.name for each in OVERLAYS.iterdir()))
def test_a_shipped_overlay_breaks_no_rule(overlay: str) -> None:
    report = lint([read(rendered(OVERLAYS / overlay), overlay)])
    assert report.findings == ()
    assert report.objects > 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.words.replace(" ", "-"))
def test_one_defect_in_the_shipped_manifests_is_found_by_the_rule_that_is_meant(mutant: Any) -> None:
    rules = {each.rule for each in found(mutant.of(shipped())).findings}
    assert mutant.rule in rules


def test_there_are_many_mutants_and_no_two_are_the_same() -> None:
    made = {json.dumps(mutant.of(shipped())) for mutant in MUTANTS}
    assert len(made) == len(MUTANTS) >= 60
