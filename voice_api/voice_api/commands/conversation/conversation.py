"""One turn after the other: an answer to what was asked, or a command; questions read, changes ask first."""

from collections.abc import Mapping
from dataclasses import replace

from voice_api.commands.confirmation.settle import Cancelled, Refused, Settled
from voice_api.commands.conversation.answering import answer, not_for
from voice_api.commands.conversation.executor import Event
from voice_api.commands.conversation.hearing import from_model, hear
from voice_api.commands.conversation.memory import State
from voice_api.commands.conversation.outcome import Intent, Outcome, denied, failed, intent_of
from voice_api.commands.conversation.place import Heard, Parts, Place
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.language.meanings import Question, Unclear
from voice_api.commands.language.named import named
from voice_api.commands.language.names import LiveObject
from voice_api.commands.language.proposals import kinds_of, proposals
from voice_api.commands.language.understand import TakenBack, Understood
from voice_api.commands.level import Level
from voice_api.commands.normalise import normalise
from voice_api.commands.registry.declaring import LEAST_ROLE, Call, NoCall, from_role
from voice_api.commands.wording import listed
from voice_api.errors import VoiceApiError

OTHER_ENVIRONMENT = "Ask for that environment: kvx user add; or label the namespace kvx.dev/environment."
EVENTS: Mapping[str, Event] = {"REQUIRES_CONFIRMATION": "asked", "PERMISSION_DENIED": "denied"}


class Conversation:
    """Answers turns. Blocking, safe in several threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def understand(self, text: str, turn: Turn) -> Heard:
        """What a turn asks for; VoiceApiError where its names cannot be had."""
        state = self._parts.memory.of(turn.user.name, turn.session)
        return hear(text, turn, state, self._place(state), self._parts)

    def called(self, name: str, arguments: Mapping[str, object], turn: Turn) -> Heard | Outcome:
        """What a program asks for, by names that are exact; VoiceApiError where names cannot be had."""
        state = self._parts.memory.of(turn.user.name, turn.session)
        place = self._place(state)
        call = named(self._parts.interpreter.functions, name, arguments, place.catalogue, state.home)
        if isinstance(call, NoCall):
            return self._noted(Outcome("NEEDS_CLARIFICATION", f"I cannot do that: {call.why}."), turn)
        return Heard(Understood((call,), exact=True), state, place)

    def where(self, turn: Turn) -> Place:
        """The cluster that a conversation is in now."""
        return self._place(self._parts.memory.of(turn.user.name, turn.session))

    def likely(self, text: str) -> Intent | None:
        """What `text` asks for as far as that can be told without a name."""
        interpreter = self._parts.interpreter
        found = proposals(interpreter.grammar, interpreter.functions, normalise(text))
        return Intent(found[0].function.name, dict(found[0].values)) if found else None

    def settle(self, text: str, turn: Turn) -> Outcome | None:
        """What comes of a turn as an answer to what was asked before a change; None where it is none."""
        state = self._parts.memory.of(turn.user.name, turn.session)
        place = self._place(state)
        if place.settling is None or not (turn.session or turn.pending):
            return None
        if turn.pending is None and (state.question is not None or not place.settling.waits(turn)):
            return None
        speaker = place.speaker(turn)  # asks the cluster, which nobody needs who was asked nothing
        came = place.settling.answer(text, turn, speaker)
        if came is None:
            return None
        outcome, verdict = came
        if isinstance(verdict, Refused | Cancelled):
            event: Event = "refused" if isinstance(verdict, Refused) else "cancelled"
            self._note(event, turn, {"why": verdict.why}, security=verdict.security)
        elif isinstance(verdict, Settled):
            denied_now = outcome.status == "PERMISSION_DENIED"
            self._note("settled", turn, {"status": outcome.status}, security=denied_now)
        return outcome

    def act(self, heard: Heard, text: str, turn: Turn) -> Outcome:
        """What a turn comes to once it is understood."""
        if heard.place.settling and turn.session:
            heard.place.settling.cancel(turn, "a new command")
        state = replace(heard.state, question=None, source=heard.source)
        match heard.understanding:
            case Understood(calls):
                return self._every(calls, replace(heard, state=state), turn)
            case Question() as question:
                asked = self._asked(question, state, turn, heard.place)
                asked = from_model(asked) if heard.source == "language_model" else asked
                return self._noted(asked, turn)
            case TakenBack():
                self._keep(turn, state)
                return Outcome("SUCCESS", "All right, I do nothing.", {"cancelled": True})
            case Unclear(why):
                self._keep(turn, state)
                return self._noted(self._unclear(why, text, heard.place), turn)

    def _noted(self, outcome: Outcome, turn: Turn) -> Outcome:
        """What was not understood, or only in part, is recorded as well."""
        self._note("unclear", turn, {"status": outcome.status}, security=False)
        return outcome

    def _every(self, calls: tuple[Call, ...], heard: Heard, turn: Turn) -> Outcome:
        """Each call in its order; what ends badly ends the rest."""
        if len(calls) > 1 and any(call.function.name == "switch_context" for call in calls):
            # The names of the others were found in this cluster, and they may be meant for the next.
            self._keep(turn, heard.state)
            return Outcome("NEEDS_CLARIFICATION", "Please say first where to go, and then what to do there.")
        done: list[Outcome] = []
        state = heard.state
        for call in calls:
            outcome, state = self._one(call, replace(heard, state=state), turn)
            done.append(outcome)
            if outcome.status != "SUCCESS":
                break
        self._keep(turn, state)
        if len(done) == 1:
            return done[0]
        data = {**done[-1].data, "answers": [dict(each.data) for each in done]}
        return replace(done[-1], reply=" ".join(each.reply for each in done), data=data)

    def _one(self, call: Call, heard: Heard, turn: Turn) -> tuple[Outcome, State]:
        outcome, state, event = self._came(call, heard, turn)
        if heard.source == "language_model":
            outcome = from_model(outcome)
        self._record(event, turn, call, outcome)
        return outcome, state

    def _came(self, call: Call, heard: Heard, turn: Turn) -> tuple[Outcome, State, Event]:
        """What a call comes to, and what the journal is told of it."""
        place = heard.place
        state = replace(heard.state, last=_spoken_of(call) or heard.state.last)
        if call.function.level is not Level.READ_ONLY:
            outcome = self._change(call, heard, turn)
            return outcome, state, EVENTS.get(outcome.status, "unclear")
        if not turn.user.roles & from_role(LEAST_ROLE[Level.READ_ONLY]) & call.function.roles:
            why = f"{turn.user.name} may not ask that here."
            refused = denied("policy_role", why, "Ask for a role: kvx user add", intent_of(call))
            return refused, state, "denied"
        try:
            if why := not_for(call, place, turn):
                refused = denied("policy_user_environment", why, OTHER_ENVIRONMENT, intent_of(call))
                return refused, state, "denied"
            found, state = answer(call, state, place, turn, self._parts)
        except VoiceApiError as error:
            return failed(error, intent_of(call)), state, "answered"
        return Outcome("SUCCESS", found.sentence, found.data, intent_of(call)), state, "answered"

    def _change(self, call: Call, heard: Heard, turn: Turn) -> Outcome:
        place = heard.place
        if place.settling is None:
            return reads_only(call.function.name.split("_", maxsplit=1)[0])
        if not turn.session:
            why = "I change nothing for whoever has no conversation with me: there is nobody to ask."
            return denied("no_session", why, "Send a session with the command.", intent_of(call))
        try:
            speaker = place.speaker(turn)
        except VoiceApiError as error:
            return failed(error, intent_of(call))
        return place.settling.staging.ask(call, turn.user, speaker, source=heard.source)

    def _asked(self, question: Question, state: State, turn: Turn, place: Place) -> Outcome:
        name = question.proposal.function.name
        changes = question.proposal.function.level is not Level.READ_ONLY
        if place.settling is None and changes:
            return reads_only(name.split("_", maxsplit=1)[0])
        hidden = " " in question.heard and self._parts.interpreter.grammar.wishes_change(question.heard)
        if hidden and not changes:
            # A wish to change something is no part of a name.
            return self._unclear("I did not understand all of that.", question.heard, place)
        self._keep(turn, replace(state, question=question if question.candidates else None))
        names = [each.name for each in question.candidates]
        data = {
            "argument": question.argument,
            "heard": question.heard,
            "candidates": names,
            "namespaces": [each.namespace for each in question.candidates],
        }
        intent = _settled_part(question)
        return Outcome("NEEDS_CLARIFICATION", question.text, data, intent)

    def _unclear(self, why: str, text: str, place: Place) -> Outcome:
        grammar = self._parts.interpreter.grammar
        verb = grammar.wishes_change(normalise(text))
        if verb and place.settling is None:
            return reads_only(verb)
        examples = grammar.examples
        said = f"{why} You can say: {listed(examples, 'or')}." if examples else why
        return Outcome("NEEDS_CLARIFICATION", said, {"examples": list(examples)})

    def _place(self, state: State) -> Place:
        here = self._parts.here
        if not state.context or state.context == here.cluster.description.name or self._parts.opens is None:
            return here
        return self._parts.opens(state.context)

    def _keep(self, turn: Turn, state: State) -> None:
        self._parts.memory.keep(turn.user.name, turn.session, state)

    def _record(self, event: Event, turn: Turn, call: Call, outcome: Outcome) -> None:
        about = {"function": call.function.name, "arguments": call.values, "status": outcome.status}
        if outcome.intent is not None and outcome.intent.source == "language_model" and self._parts.suggester:
            about |= {"source": "language_model", **self._parts.suggester.about}
        self._note(event, turn, about, security=outcome.status == "PERMISSION_DENIED")

    def _note(self, event: Event, turn: Turn, content: Mapping[str, object], *, security: bool) -> None:
        if self._parts.recorder is not None:
            timings = {stage: round(each, 3) for stage, each in turn.timings().items()}
            about = {"user": turn.user.name, "command": turn.command, "transcript": turn.words}
            self._parts.recorder.record(event, security, {**about, "timings_ms": timings, **content})


def reads_only(verb: str) -> Outcome:
    """Where nobody acts, a wish to change something is told so."""
    said = f"I can only read here, so I did not {verb} anything."
    error = {"code": "read_only", "message": "Changes are not possible.", "fix": "Use kubectl."}
    return Outcome("ERROR", said, {"error": error})


def _spoken_of(call: Call) -> LiveObject | None:
    for argument in ("name", "node"):
        if argument in call.kinds and argument in call.values:
            home = call.values.get("namespace", "")
            return LiveObject(str(call.values[argument]), str(home), call.kinds[argument])
    return None


def _settled_part(question: Question) -> Intent:
    """What of a command is understood, while a name of it is asked about."""
    proposal = question.proposal
    names = {name for name in proposal.values if kinds_of(proposal.function, name)}
    values = {name: value for name, value in proposal.values.items() if name not in names}
    return Intent(proposal.function.name, values)
