"""Carries calls out in one cluster as the user: looked at, reviewed, dry run, written once, verified."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from voice_api.cluster.access import Access, UserAccess
from voice_api.cluster.identity import Identity
from voice_api.cluster.kubernetes import KubernetesCluster
from voice_api.cluster.protocol import Cluster
from voice_api.cluster.requests import Sent
from voice_api.commands.audit import Audit
from voice_api.commands.conversation.executor import Carried, Met, Order, Past, Preview
from voice_api.commands.executing.changes import Change, NoChange, Seen, Write, change_of
from voice_api.commands.executing.doing import CONFLICT, done, previewed
from voice_api.commands.executing.environments import Environments, environment_of
from voice_api.commands.executing.happened import happened
from voice_api.commands.executing.looking import object_at, refused, seen
from voice_api.commands.executing.objects import Place, replicas_of, target_of
from voice_api.commands.executing.outcome import Follow, followed
from voice_api.commands.level import Circumstances, Environment, Replicas
from voice_api.commands.policy import User
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import Call, NoCall, validated
from voice_api.errors import VoiceApiError

# A status that moves makes a write conflict, too; looked at anew so often before somebody is asked again.
MOST_LOOKS = 5
OWN_RIGHTS = "I did it with my own rights in the cluster, after it said that you may."
UNRECORDED = "It was done, but its outcome could not be written into the journal."


class ClusterExecutor:
    """One cluster for all users. Blocking; safe in several threads.

    environment  of the cluster, where that is set; a namespace may be graver, by its label
    """

    def __init__(
        self,
        access: Access,
        audit: Audit,
        environment: Environment | None = None,
        follow: Follow | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._access, self._audit, self._environment = access, audit, environment
        self._environments = Environments(access.service, environment)
        self._follow = follow or Follow()
        self._now = now

    def cluster(self, user: User) -> Cluster:
        return KubernetesCluster(self._way(user).connection)

    def cluster_uid(self) -> str:
        """What tells this cluster from every other: the uid of its namespace kube-system.

        Its name for whoever may not see that; VoiceApiError where it cannot be told now.
        """
        answer = self._access.service.send(Sent("GET", "/api/v1/namespaces/kube-system"))
        if answer.status in {403, 404}:
            return self._access.service.name
        if answer.status != 200:
            raise refused(answer.status, Place("namespace", "", "kube-system"))
        return str(answer.content["metadata"]["uid"])

    def note(self, user: User) -> str:
        """What has to be said of how things are done for this user; nothing where it is as the user."""
        return "" if self._way(user).as_user else OWN_RIGHTS

    def environment_at(self, namespace: str) -> Environment | None:
        return self._environments.of(namespace)

    def met(self, user: User, call: Call) -> Met:
        found = seen(self._way(user).connection, call)
        replicas = replicas_of(found.object)
        after = call.values.get("replicas") if call.function.name == "scale" else None
        namespaces = frozenset(_namespaces(found))
        circumstances = Circumstances(
            self._environment_of(namespaces),
            namespaces,
            1 + (len(found.beside) if call.function.name == "drain" else 0),
            Replicas(replicas, after) if after is not None else None,
        )
        return Met(target_of(found.place, found.object), circumstances, replicas)

    def preview(self, user: User, call: Call, met: Met) -> Preview:
        way = self._way(user)
        for _ in range(MOST_LOOKS):
            shown = self._shown(way, call, met.target.uid)
            if shown.status != CONFLICT:
                break
        return shown

    def _shown(self, way: UserAccess, call: Call, uid: str) -> Preview:
        found = seen(way.connection, call)
        if found.object["metadata"]["uid"] != uid:
            return Preview(404, why="It is another object of that name now.")
        change = self._change(call, found)
        if isinstance(change, NoChange):
            return Preview(422, why=change.why)
        for write in change.writes:
            if not way.may(write.attempt):
                return Preview(403, why=f"The cluster does not let you {_said(write)}.")
        return previewed(way, change)

    def carry_out(self, user: User, call: Call, order: Order) -> Carried:
        way = self._way(user)
        found = seen(way.connection, call)
        change = self._unchanged(call, order, found)
        if change is None:
            return Carried(CONFLICT, "It was changed after I asked you.")
        if isinstance(change, NoChange):
            return Carried(200 if change.already else 422, change.why, {"changed": False})
        intent = _intent(user, call, order, change)
        outcome = self._audit.write(intent, lambda: self._written(way, call, order, change))
        if outcome.get("status") is None:
            outcome = self._looked_at(way, change, order, found.place, outcome)
        return self._verified(way, call, order, found.place, outcome)

    def _unchanged(self, call: Call, order: Order, found: Seen) -> Change | NoChange | None:
        """The change for what was asked about; None where it is another object, or wanted otherwise now."""
        now, asked = target_of(found.place, found.object), order.bound.target
        if (now.uid, now.generation) != (asked.uid, asked.generation):
            return None
        return self._change(call, found)

    def _written(self, way: UserAccess, call: Call, order: Order, change: Change) -> Mapping[str, Any]:
        """Written, and written again where only its status moved meanwhile: looked at anew each time."""
        outcome = done(way, change, order.command)
        for _ in range(MOST_LOOKS):
            if outcome["status"] != CONFLICT:
                break
            again = self._unchanged(call, order, seen(way.connection, call))
            if not isinstance(again, Change) or again.said != change.said:
                break
            outcome = done(way, again, order.command)
        return outcome

    def inverse(self, user: User) -> Call | NoCall:
        last = next(iter(self._audit.changes(user.name, 1)), None)
        if last is None:
            return NoCall("You have changed nothing that I know of.")
        if isinstance(last.undo, str):
            return NoCall(last.undo or "That cannot be taken back.")
        place = Place(last.target["kind"], last.target["namespace"], last.target["name"])
        if object_at(self._way(user).connection, place)["metadata"]["uid"] != last.target["uid"]:
            return NoCall(f"The {place.said} is another one now.")
        call = validated(BUILT_IN, str(last.undo["function"]), last.undo["arguments"])
        return call if isinstance(call, NoCall) else replace(call, kinds={"name": place.kind})

    def history(self, user: User, most: int) -> tuple[Past, ...]:
        changes = self._audit.changes(user.name, most)
        return tuple(Past(each.at, each.function, each.said, "SUCCESS") for each in changes)

    def _way(self, user: User) -> UserAccess:
        return self._access.of(Identity(user.name, user.groups))

    def _environment_of(self, namespaces: frozenset[str]) -> Environment | None:
        """The gravest of all that are touched; production where one of them is not known."""
        service = self._access.service
        every = [environment_of(service, each, self._environment) for each in namespaces or {""}]
        known = [each for each in every if each is not None]
        if len(known) < len(every):
            return None
        return max(known, key=("development", "staging", "production").index)

    def _change(self, call: Call, found: Seen) -> Change | NoChange:
        moment = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return change_of(call.function.name, call.values, found, moment)

    def _looked_at(
        self, way: UserAccess, change: Change, order: Order, place: Place, outcome: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What a write came to that nobody answered: looked at, never sent again."""
        try:
            there = happened(way.connection, change, place, order.bound.target.uid)
        except VoiceApiError as error:
            return {**outcome, "why": f"I cannot see whether it was done: {error.message}"}
        if not there:
            return {**outcome, "why": "I looked, and nothing has changed so far."}
        return self._audit.found_done({**outcome, "status": 200})

    def _verified(
        self, way: UserAccess, call: Call, order: Order, place: Place, outcome: Mapping[str, Any]
    ) -> Carried:
        """What is said of a write: never that it was sent, but what is there now."""
        status = outcome.get("status")
        unrecorded = "" if outcome.get("recorded", True) else f" {UNRECORDED}"
        if status is None or status >= 300:
            return Carried(status, str(outcome.get("why", "")), {"recorded": not unrecorded})
        try:
            uid = order.bound.target.uid
            verified = followed(
                way.connection, call.function.name, place, uid, how=self._follow, wanted=order.wanted
            )
        except VoiceApiError as error:
            return Carried(status, f"I cannot see what came of it: {error.message}{unrecorded}")
        content = {**verified.data, "complete": verified.complete, "said": verified.said}
        self._audit.record(
            "verified", False, {**content, "command": order.command, "user": order.bound.speaker.user}
        )
        return Carried(status, verified.said + unrecorded, {**verified.data, "complete": verified.complete})


def _namespaces(found: Seen) -> set[str]:
    evicted = (
        {str(pod["metadata"]["namespace"]) for pod in found.beside} if found.place.kind == "node" else set()
    )
    return evicted | ({found.place.namespace} if found.place.namespace else set())


def _said(write: Write) -> str:
    what = write.attempt
    resource = f"{what.resource}/{what.subresource}" if what.subresource else what.resource
    return f"{what.verb} {resource}{f' in {what.namespace}' if what.namespace else ''}"


def _intent(user: User, call: Call, order: Order, change: Change) -> dict[str, Any]:
    speaker = order.bound.speaker
    return {
        "command": order.command,
        "user": user.name,
        "session": speaker.session,
        "context": speaker.context,
        "function": call.function.name,
        "arguments": call.values,
        "level": order.level,
        "source": order.source,
        "transcript": order.transcript,
        "target": asdict(order.bound.target),
        "change": change.said,
        "diff_sha256": order.bound.diff_sha256,
    }
