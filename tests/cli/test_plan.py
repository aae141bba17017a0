"""The plan as data: equal where it says the same, and read as a letter."""

from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import pytest

from kvx.commands.cut import beginning_at, ending_with
from kvx.commands.letter import letter
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.plan import Plan, Step, command_line, step_digest
from kvx.settings import Settings, VoiceSettings
from kvx.targets import plan_for, target_names


def plan(folder: Path, target: str = "local", voice: VoiceSettings | None = None) -> Plan:
    return plan_for(Deployment(target, Settings(folder, target, voice=voice or VoiceSettings())))


def test_the_same_settings_make_the_same_plan(tmp_path: Path) -> None:
    one, other = plan(tmp_path), plan(tmp_path)
    assert one == other
    assert list(map(step_digest, one.steps)) == list(map(step_digest, other.steps))


@pytest.mark.parametrize("voice", [VoiceSettings(port=1), VoiceSettings(threads=3), VoiceSettings(model="m")])
def test_other_settings_make_another_plan(tmp_path: Path, voice: VoiceSettings) -> None:
    before, after = plan(tmp_path), plan(tmp_path, voice=voice)
    assert before != after
    assert set(map(step_digest, before.steps)) != set(map(step_digest, after.steps))


@pytest.mark.parametrize(
    "name", ["sentences.yaml", "extensions/docker/extension.yaml", "extensions/docker/other.py"]
)
def test_other_content_of_what_the_voice_api_reads_at_its_start_makes_another_plan(
    tmp_path: Path, name: str
) -> None:
    for each in ("sentences.yaml", "extensions/docker/extension.yaml", "extensions/docker/other.py"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("before")
    voice = VoiceSettings(grammar_file=tmp_path / "sentences.yaml", extensions_folder=tmp_path / "extensions")
    before = plan(tmp_path, voice=voice)
    assert plan(tmp_path, voice=voice) == before
    (tmp_path / name).write_text("after")
    assert plan(tmp_path, voice=voice) != before


def changed(value: object) -> object:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case Path():
            return value / "other"
        case tuple():
            return (*value, "other")
    return f"{value} other"


def every_step(toy: ModuleType, folder: Path) -> list[Step]:
    whole: Plan = toy.toy_plan(toy.toy_deployment(folder))
    return [*whole.steps, *whole.undo]


def test_the_digest_changes_with_every_single_value(toy: ModuleType, tmp_path: Path) -> None:
    for step in every_step(toy, tmp_path):
        for item in fields(step):
            other = replace(step, **{item.name: changed(getattr(step, item.name))})
            assert step_digest(other) != step_digest(step), (step, item.name)


def test_two_kinds_of_step_with_the_same_values_differ(toy: ModuleType, tmp_path: Path) -> None:
    stop, remove = toy.toy_plan(toy.toy_deployment(tmp_path)).undo
    assert step_digest(stop) != step_digest(replace(remove, folder=stop.folder))


def test_a_command_line_is_quoted_for_a_shell(tmp_path: Path) -> None:
    remove = plan(tmp_path / "with space; rm -rf").undo[-1]
    assert command_line(remove) == f"rm -r '{tmp_path}/with space; rm -rf/.kvx/local'"


def test_targets_are_the_files_of_their_folder() -> None:
    assert target_names() == ("cluster", "hetzner", "local")


def test_an_unknown_target_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="there is no target 'lokal'") as raised:
        plan(tmp_path, "lokal")
    assert raised.value.exit_code is ExitCode.USAGE
    assert raised.value.fix == "kvx deploy --target local"


def test_the_last_phase_of_every_target_speaks_to_it(tmp_path: Path) -> None:
    assert {plan(tmp_path, target).phases[-1].name for target in target_names()} == {"verify"}


def test_a_plan_can_end_with_any_of_its_phases(tmp_path: Path) -> None:
    whole = plan(tmp_path)
    assert ending_with(whole, None) == ending_with(whole, "verify") == whole
    assert ending_with(whole, "service").phases == whole.phases[:1]


def test_an_end_before_the_beginning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="has no phase 'service', only verify") as raised:
        ending_with(beginning_at(plan(tmp_path), "verify"), "service")
    assert raised.value.exit_code is ExitCode.USAGE


def test_a_plan_can_begin_at_any_of_its_phases(tmp_path: Path) -> None:
    whole = plan(tmp_path)
    assert beginning_at(whole, None) == whole
    assert beginning_at(whole, "service") == whole
    assert beginning_at(whole, "verify").phases == whole.phases[1:]


def test_beginning_at_no_phase_names_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="has no phase 'verfy', only service, verify") as raised:
        beginning_at(plan(tmp_path), "verfy")
    assert raised.value.fix == "kvx deploy --target local --from verify"


LETTER = """\
kvx deploys the target local in 2 phases. Nothing has been done yet.

Phase service: keep the toy running
  1. write voice-api.toml
       printf '%s\\n' \\
         'port = 1' |
         install -D -m 600 /dev/stdin /toy/.kvx/local/voice-api.toml
  2. check the speech model toy
       toy model check toy
  3. start the voice API on 127.0.0.1, port 1
       toy serve

Phase verify: speak to it
  4. speak "how many pods are there" to it, and compare what it heard and did
       kvx verify

To take it away again, kvx cleanup will:
  1. stop the voice API
       kvx cleanup
  2. remove /toy/.kvx/local
       rm -r /toy/.kvx/local"""


def test_the_plan_reads_like_a_letter(toy: ModuleType) -> None:
    assert letter(toy.toy_plan(toy.toy_deployment(Path("/toy")))) == LETTER
