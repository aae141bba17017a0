"""Jobs and how often they run, how long, and what they leave behind."""

import re
from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Object
from kvx.lint.rule import Rule, each_alone
from kvx.lint.rules.placing import manifest

Places = Iterator[tuple[Node, str]]
SCHEDULE = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \S+|(\S+ +){4}\S+")


@each_alone("CronJob")
def _overlapping(job: Object) -> Places:
    policy = job.spec.at("concurrencyPolicy")
    if policy.text not in {"Forbid", "Replace"}:
        yield policy, "the next run starts while the last one still works"


@each_alone("CronJob", "Job")
def _endless(job: Object) -> Places:
    spec = job.spec.at("jobTemplate", "spec") if job.kind == "CronJob" else job.spec
    pod = spec.at("template", "spec", "activeDeadlineSeconds")
    if not spec.at("activeDeadlineSeconds").given and not pod.given:
        yield spec.at("activeDeadlineSeconds"), "a run that hangs, hangs for ever"


@each_alone("CronJob")
def _schedule(job: Object) -> Places:
    schedule = job.spec.at("schedule")
    if SCHEDULE.fullmatch(schedule.text.strip()) is None:
        yield schedule, f"{schedule.value!r} is no schedule"


@each_alone("CronJob", "Job")
def _restarts(job: Object) -> Places:
    template = ("jobTemplate", "spec", "template") if job.kind == "CronJob" else ("template",)
    policy = job.spec.at(*template, "spec", "restartPolicy")
    if policy.text not in {"Never", "OnFailure"}:
        yield policy, "a job's pod that is restarted always never ends; the API server refuses it"


@each_alone("Deployment")
def _no_history(target: Object) -> Places:
    history = target.spec.at("revisionHistoryLimit")
    if history.number == 0:
        yield history, "no version before this one is kept"


_ONE = "activeDeadlineSeconds: 60"


RULES = (
    Rule(
        "cron-job-overlap",
        "Runs of a CronJob do not overlap.",
        "A slow one piles up until the namespace is full.",
        "concurrencyPolicy: Forbid",
        manifest(""),
        manifest("concurrencyPolicy: Forbid"),
        _overlapping,
        "manifests",
    ),
    Rule(
        "job-deadline",
        "A job has a deadline.",
        "It holds its place, and with Forbid it stops all later runs.",
        "activeDeadlineSeconds: 600, under the job's spec",
        manifest("", "Job"),
        manifest(_ONE, "Job"),
        _endless,
        "manifests",
        ("kube-score cronjob-has-deadline",),
    ),
    Rule(
        "cron-job-schedule",
        "A schedule has five fields.",
        "The API server refuses it.",
        'schedule: "0 */6 * * *"',
        manifest("schedule: every day"),
        manifest("schedule: '0 */6 * * *'"),
        _schedule,
        "manifests",
        ("kube-score cronjob-schedule", "kube-linter invalid-cronjob-schedule"),
    ),
    Rule(
        "job-restarts",
        "A job's pod ends.",
        "The API server refuses it.",
        "restartPolicy: Never",
        manifest("template: {spec: {restartPolicy: Always}}", "Job"),
        manifest("template: {spec: {restartPolicy: Never}}", "Job"),
        _restarts,
        "manifests",
        ("kube-score cronjob-restartpolicy, job-restartpolicy",),
    ),
    Rule(
        "history",
        "A Deployment keeps the versions before this one.",
        "There is nothing to go back to.",
        "revisionHistoryLimit: 10",
        manifest("revisionHistoryLimit: 0", "Deployment", "apps/v1"),
        manifest("", "Deployment", "apps/v1"),
        _no_history,
        "manifests",
    ),
)
