"""All functions that come with voice-api, by name, with the answers that there are."""

from collections.abc import Mapping
from types import MappingProxyType

from voice_api.commands.answers.attached import ANSWERS
from voice_api.commands.registry.changing import CHANGING
from voice_api.commands.registry.declaring import Function
from voice_api.commands.registry.looking import LOOKING
from voice_api.commands.registry.talking import TALKING

BUILT_IN: Mapping[str, Function] = MappingProxyType(
    {**LOOKING.functions, **CHANGING.functions, **TALKING.functions}
)
for _name, _answer in ANSWERS.items():
    LOOKING.answers(_name)(_answer)
