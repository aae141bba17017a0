"""What installed packages or folders bring has to fit, or the service says why and does not start."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from extending import OPERATOR, Opened

from voice_api.commands.functions import Answer
from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Arguments, Registry
from voice_api.commands.registry.kinds import LiveName
from voice_api.errors import VoiceApiError
from voice_api.extensions.adding import added, every_extension
from voice_api.extensions.extension import Extension
from voice_api.extensions.installed import installed
from voice_api.extensions.manifest import in_folder, read_manifest

PACKAGE = '''
from pathlib import Path

from voice_api.commands.functions import Answer
from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Arguments, Registry
from voice_api.extensions.extension import Extension

SKY = Registry()


@SKY.function(Level.READ_ONLY, "{outcome}")
class Weather(Arguments):
    """Say how the weather is."""


def weather(cluster, call):
    return Answer(f"It rains on {len(cluster.nodes())} nodes.", {})


def brought():
    grammar = Path(__file__).with_name("weather.yaml")
    return Extension("weather", SKY.functions, {"weather": weather}, (grammar,))
'''
SENTENCES = {"intents": {"weather": {"data": [{"sentences": ["(how is|what is) the weather [like]"]}]}}}
MANIFEST: dict[str, Any] = {
    "extension": "weather",
    "command": ["python", "weather.py"],
    "functions": {"weather": {"purpose": "Say how the weather is."}},
}


def package(folder: Path, points_to: str = "weather:brought") -> Path:
    """A package as it lies there once it is installed."""
    (folder / "weather.py").write_text(PACKAGE)
    (folder / "weather.yaml").write_text(yaml.safe_dump(SENTENCES))
    about = folder / "weather-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[voice_api.extensions]\nweather = {points_to}\n")
    return folder


def manifest(folder: Path, sentences: object = None, **other: Any) -> Path:
    (folder / "weather").mkdir()
    (folder / "weather" / "grammar.yaml").write_text(
        yaml.safe_dump(SENTENCES if sentences is None else sentences)
    )
    file = folder / "weather" / "extension.yaml"
    file.write_text(yaml.safe_dump({**MANIFEST, **other}))
    return file


def test_what_a_package_brings_is_understood_and_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, core_with: Opened
) -> None:
    monkeypatch.syspath_prepend(str(package(tmp_path)))
    reply = core_with(*installed()).answer("how is the weather", OPERATOR)
    assert (reply.status, reply.reply) == ("SUCCESS", "It rains on 3 nodes.")


@pytest.mark.parametrize(
    ("points_to", "why"),
    [
        ("weather:nothing_there", "raised AttributeError"),
        ("nowhere:brought", "raised ModuleNotFoundError"),
        ("weather:SENTENCES", "raised AttributeError"),
        ("weather:weather", "raised TypeError"),
        ("weather:SKY", "is no Extension"),
    ],
)
def test_a_package_that_brings_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points_to: str, why: str
) -> None:
    monkeypatch.syspath_prepend(str(package(tmp_path, points_to)))
    with pytest.raises(VoiceApiError, match=f"The extension weather cannot be used: .*{why}"):
        every_extension(None)


def test_two_that_bring_the_same_are_refused(tmp_path: Path) -> None:
    file = manifest(tmp_path)
    with pytest.raises(VoiceApiError, match="there is a function weather already"):
        added([read_manifest(file), read_manifest(file)])


@pytest.mark.parametrize(
    ("sentences", "why"),
    [
        (
            {"intents": {"delete_pod": {"data": [{"sentences": ["tidy {name}"]}]}}},
            "says what delete_pod means",
        ),
        ({**SENTENCES, "expansion_rules": {"show": "erase"}}, "changes the rule show"),
        ({**SENTENCES, "lists": {"listed": {"values": ["pods"]}}}, "changes the list listed"),
        ({**SENTENCES, "change_verbs": []}, "has change_verbs, which is not its own"),
        (["intents"], "is no grammar"),
    ],
)
def test_its_grammar_touches_nothing_of_others(tmp_path: Path, sentences: object, why: str) -> None:
    with pytest.raises(VoiceApiError, match=why):
        added(in_folder(manifest(tmp_path, sentences).parents[1]))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"functions": {"count": {"purpose": "Count."}}}, "there is a function count already"),
        ({"names": ["pod"]}, "there are names of the kind pod already"),
        (
            {
                "functions": {
                    "weather": {"purpose": "Say.", "arguments": {"city": {"type": "name", "of": "city"}}}
                }
            },
            "names a city, and nobody knows such names",
        ),
        ({"functions": {"weather": {"purpose": "Say {this}."}}}, "not described in a few plain words"),
        (
            {"functions": {"weather": {"purpose": "Say.", "level": "WRITE_SAFE"}}},
            r"functions\.weather\.level",
        ),
        ({"command": ["no-such-program"]}, "no such program"),
        ({"deadline_seconds": 60}, "deadline_seconds"),
        ({"extension": "Weather!"}, "extension"),
        ({"grammar": "elsewhere.yaml"}, "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_told_why(tmp_path: Path, other: dict[str, Any], why: str) -> None:
    with pytest.raises(VoiceApiError, match=why):
        added([read_manifest(manifest(tmp_path, **other))])


def declared(level: Level, *kinds: str) -> Extension:
    registry = Registry()

    class Weather(Arguments):
        """Say how the weather is."""

        city: Annotated[str, LiveName(kinds)] | None = None

    registry.function(level, "{outcome}")(Weather)
    answers: dict[str, Callable[..., Answer]] = {"weather": lambda *_: Answer("It rains.", {})}
    return Extension("weather", registry.functions, answers, (), {"city": lambda: ["oslo"]})


@pytest.mark.parametrize("level", [Level.WRITE_SAFE, Level.DESTRUCTIVE, Level.ADMIN_ONLY])
def test_nothing_that_changes_can_be_brought(level: Level) -> None:
    with pytest.raises(VoiceApiError, match=f"weather is {level}; what an extension brings only reads"):
        added([declared(level, "city")])


def test_an_argument_names_the_clusters_or_its_own_and_not_both() -> None:
    assert added([declared(Level.READ_ONLY, "city")]).names.keys() == {"city"}
    with pytest.raises(VoiceApiError, match="nobody knows such names"):
        added([declared(Level.READ_ONLY, "city", "pod")])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(VoiceApiError, match="there is no such folder"):
        in_folder(tmp_path / "nowhere")
