"""kvx lint as it is typed: what it says, in which form, and how it ends."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Lint = Callable[..., subprocess.CompletedProcess[str]]
TOKEN_IN_CLEAR = """apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  API_TOKEN: abc
"""
EXCUSED = TOKEN_IN_CLEAR.replace(
    "  name: settings\n", "  name: settings\n  annotations:\n    lint.kvx/secret-in-clear: {}\n"
)


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """kvx lint as a program, in an empty folder."""

    def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from kvx.main import run; run()", "lint", *arguments],
            cwd=tmp_path,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_finding_names_file_line_object_place_and_fix(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(TOKEN_IN_CLEAR)
    done = lint("settings.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "settings.yaml: ConfigMap settings",
        "  line 6: data.API_TOKEN: API_TOKEN stands in a ConfigMap, which everybody may read",
        "    fix: put it into a Secret that is made outside of the repository  [secret-in-clear]",
    ]
    assert "one finding in one object" in done.stderr
    assert "lint --explain secret-in-clear" in done.stderr


def test_what_holds_ends_well(lint: Lint) -> None:
    done = lint("-", text=TOKEN_IN_CLEAR.replace("API_TOKEN", "API_ADDRESS"))
    assert (done.returncode, done.stdout) == (0, "one object, nothing found\n")


def test_a_rule_is_ignored_where_a_reason_is_given(lint: Lint) -> None:
    done = lint("-", text=EXCUSED.format("it opens nothing"))
    assert done.returncode == 0
    assert "ignored: secret-in-clear of ConfigMap settings" in done.stderr
    assert "it opens nothing" in done.stderr


def test_without_a_reason_nothing_is_ignored(lint: Lint) -> None:
    found = json.loads(lint("-", "--json", text=EXCUSED.format("''")).stdout)
    assert {each["rule"] for each in found["findings"]} == {"secret-in-clear", "ignored-without-reason"}


def test_a_rule_can_be_left_out_altogether(lint: Lint) -> None:
    assert lint("-", "--ignore", "secret-in-clear", text=TOKEN_IN_CLEAR).returncode == 0


def test_for_programs_it_is_json(lint: Lint) -> None:
    done = lint("-", "--json", text=TOKEN_IN_CLEAR)
    told = json.loads(done.stdout)
    assert (told["schema"], told["objects"], told["exit_code"], done.returncode) == ("kvx/lint/v1", 1, 1, 1)
    (finding,) = told["findings"]
    assert (finding["source"], finding["line"], finding["path"]) == ("stdin", 6, "data.API_TOKEN")


def test_for_code_hosts_it_is_sarif(lint: Lint) -> None:
    told = json.loads(lint("-", "--sarif", text=TOKEN_IN_CLEAR).stdout)
    (run,) = told["runs"]
    (result,) = run["results"]
    assert told["version"] == "2.1.0"
    assert (
        [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [result["ruleId"]] == ["secret-in-clear"]
    )
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "stdin"}, "region": {"startLine": 6}}
    excused = json.loads(lint("-", "--sarif", text=EXCUSED.format("it opens nothing")).stdout)
    (suppressed,) = excused["runs"][0]["results"]
    assert suppressed["suppressions"] == [{"kind": "inSource", "justification": "it opens nothing"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to look at was named"),
        (("nowhere.yaml",), "there is no nowhere.yaml"),
        (("--ignore", "host-pth", "-"), "did you mean host-path?"),
        (("--explain", "nothing-like-it"), "there is no rule nothing-like-it"),
        (("-",), "no manifests in -"),
        (("-", "--json", "--sarif"), "exclude each other"),
    ],
)
def test_wrong_usage_ends_with_two_lines_and_exit_code_2(
    arguments: tuple[str, ...], words: str, lint: Lint
) -> None:
    done = lint(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "fix: " in done.stderr
    assert "Traceback" not in done.stderr


def test_rules_are_listed_and_explained(lint: Lint) -> None:
    listed = json.loads(lint("--rules", "--json").stdout)["rules"]
    assert len(listed) > 100
    assert {"id", "says", "why", "fix", "wrong", "right", "group"} <= set(listed[0])
    explained = lint("--explain", "budgets-overlap").stdout
    assert "why    With two, the API server refuses every eviction." in explained
    assert "wrong:" in explained
    assert "right:" in explained


def test_text_that_is_no_yaml_is_a_finding_with_its_line(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: b\nc: [d\n")
    done = lint(".")
    assert done.returncode == 1
    assert "[not-yaml]" in done.stdout
    assert "line 3: " in done.stdout


@pytest.mark.needs("kubectl")
def test_in_a_kustomization_the_file_is_the_one_it_was_written_in(lint: Lint, tmp_path: Path) -> None:
    for name, content in {
        "base/kustomization.yaml": "resources: [settings.yaml]\nnamePrefix: my-\n",
        "base/settings.yaml": TOKEN_IN_CLEAR,
        "top/kustomization.yaml": "resources: [../base]\n",
        "part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    done = lint("top")
    assert done.stdout.splitlines()[0] == "base/settings.yaml: ConfigMap my-settings"
    assert done.stdout.splitlines()[1].startswith("  line 6: data.API_TOKEN")
    below = lint(".")
    assert below.stdout.count("[secret-in-clear]") == 1
    assert "in 2 objects" in below.stderr


@pytest.mark.needs("kubectl")
def test_a_kustomization_that_cannot_be_rendered_says_why(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
    done = lint(".")
    assert done.returncode == 1
    assert "cannot be rendered" in done.stderr
    assert "nowhere.yaml" in done.stderr
    assert "kvx-lint-" not in done.stderr


def test_the_page_has_the_table_of_rules() -> None:
    spec = importlib.util.spec_from_file_location("rule_table", Path(__file__).with_name("rule_table.py"))
    assert spec is not None
    assert spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    page = (ROOT / "docs" / "lint.md").read_text()
    assert "\n".join(table.lines()).strip() in page
