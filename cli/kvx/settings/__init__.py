"""Every setting of kvx as a value; each says what it is for, and what bounds it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from kvx.secret import Secret


@dataclass(frozen=True, slots=True)
class Says:
    """What a setting is for, and its bounds."""

    words: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    variable: str | None = None
    """The environment variable, where it has a name that the world knows better than KVX_*."""
    may_be_path: bool = False
    word: str = ""
    """What stands for itself where a path is expected, such as none."""


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What the voice API is given, under voice-api's own names; None leaves the value to voice-api.

    Only the two ports differ: here None takes a free one, which is remembered.
    """

    host: Annotated[str, Says("address to serve on")] = "127.0.0.1"
    port: Annotated[int | None, Says("port to serve on; a free one unless set", 1, 65535)] = None
    metrics_host: Annotated[str | None, Says("address of the figures")] = None
    metrics_port: Annotated[int | None, Says("port of the figures; a free one unless set", 1, 65535)] = None
    model: Annotated[str, Says("name or folder of the speech model", may_be_path=True)] = "embedded"
    models_folder: Annotated[Path | None, Says("where `voice-api model add` keeps models")] = None
    threads: Annotated[int, Says("threads for the model; 0 follows the machine", 0, 256)] = 0
    voice: Annotated[str | None, Says("voice of spoken replies")] = None
    kubeconfig: Annotated[
        Path | None,
        Says("kubeconfig of the cluster that is spoken to; none is the demo cluster", word="none"),
    ] = None
    context: Annotated[str | None, Says("context in the kubeconfig")] = None
    max_body_bytes: Annotated[int | None, Says("largest request body", 1_000, 1_000_000_000)] = None
    max_audio_seconds: Annotated[float | None, Says("longest sound that is listened to", 1, 86_400)] = None
    min_sample_rate: Annotated[int | None, Says("lowest sample rate that is read", 1_000, 192_000)] = None
    max_sample_rate: Annotated[int | None, Says("highest sample rate that is read", 8_000, 768_000)] = None
    max_channels: Annotated[int | None, Says("most channels that are mixed to one", 1, 64)] = None
    max_text_characters: Annotated[int | None, Says("longest text that is taken", 1, 100_000)] = None
    max_waiting: Annotated[int | None, Says("requests that may wait in a lane", 0, 1_000)] = None
    max_queue_seconds: Annotated[float | None, Says("sound that may wait in a lane", 1, 86_400)] = None
    short_seconds: Annotated[float | None, Says("longest sound of the lane for commands", 1, 300)] = None
    audio_context: Annotated[
        str | None, Says("how much is heard of a short sound", choices=("auto", "full"))
    ] = None
    beams: Annotated[int | None, Says("hypotheses kept while decoding", 1, 8)] = None
    live_names: Annotated[bool | None, Says("hear what is not understood again, for the cluster's names")] = (
        None
    )
    browser_origins: Annotated[str | None, Says("pages that may ask from a browser")] = None
    grammar_file: Annotated[Path | None, Says("own sentences for commands, added to kvx's")] = None
    extensions_folder: Annotated[Path | None, Says("folder of extensions of the commands")] = None
    engines_file: Annotated[Path | None, Says("file of the cloud engines and who may use them")] = None
    engine_keys_folder: Annotated[Path | None, Says("folder with a file for each engine's key")] = None
    local_only: Annotated[bool | None, Says("let no sound and no text leave the machine")] = None
    ledger_file: Annotated[Path | None, Says("SQLite file of what engines cost")] = None
    ledger_address_file: Annotated[Path | None, Says("file with the PostgreSQL address of that ledger")] = (
        None
    )
    users_file: Annotated[Path | None, Says("file of the users; without one nobody changes anything")] = None
    oidc_issuer: Annotated[str | None, Says("identity provider whose sessions count")] = None
    oidc_audience: Annotated[str | None, Says("audience that its sessions are for")] = None
    oidc_user_claim: Annotated[str | None, Says("what of a session names the user")] = None
    oidc_groups_claim: Annotated[str | None, Says("what of a session names groups")] = None
    journal_folder: Annotated[Path | None, Says("where commands are recorded")] = None
    transcript_days: Annotated[int | None, Says("days that words which were said are kept", 0, 3_650)] = None
    checkpoint_file: Annotated[Path | None, Says("file for the checkpoints of that record")] = None
    cluster_environment: Annotated[
        str | None,
        Says("what the cluster is, at least", choices=("unknown", "development", "staging", "production")),
    ] = None
    follow_seconds: Annotated[float | None, Says("how long a change is followed", 0, 100)] = None
    language_model_address: Annotated[str | None, Says("language model, such as http://127.0.0.1:8080")] = (
        None
    )
    language_model_kind: Annotated[
        str | None, Says("what serves it", choices=("llama.cpp", "ollama", "openai"))
    ] = None
    language_model_name: Annotated[str | None, Says("model that is asked for there")] = None
    language_model_key_file: Annotated[Path | None, Says("file with the key of that server")] = None
    language_model_seconds: Annotated[
        float | None, Says("deadline for understanding a sentence there", 0.5, 30)
    ] = None
    language_model_summary_seconds: Annotated[float | None, Says("deadline for a summary", 1, 60)] = None
    processor_url: Annotated[str | None, Says("voice processor, such as http://127.0.0.1:8485")] = None
    jobs_folder: Annotated[Path | None, Says("where a voice processor keeps its jobs")] = None
    jobs_most: Annotated[int | None, Says("jobs that may wait there", 1, 100_000)] = None
    jobs_bytes: Annotated[int | None, Says("sound that may wait there", 1_000, 1 << 50)] = None
    jobs_keep_seconds: Annotated[float | None, Says("time that a job's answer is kept", 1, 31_536_000)] = None
    job_seconds: Annotated[float | None, Says("deadline of an attempt at a job", 0.05, 86_400)] = None
    job_attempts: Annotated[int | None, Says("attempts at a job that goes wrong", 1, 100)] = None
    realtime_sessions: Annotated[int | None, Says("sessions at /v1/realtime", 0, 1_000)] = None
    realtime_idle_seconds: Annotated[
        float | None, Says("a session without sound is closed after", 0.05, 3_600)
    ] = None
    realtime_seconds: Annotated[float | None, Says("sound that one session may send", 1, 86_400)] = None
    max_uploads: Annotated[int | None, Says("request bodies read at the same time", 1, 1_000)] = None
    max_connections: Annotated[int | None, Says("open connections", 1, 10_000)] = None
    request_seconds: Annotated[float | None, Says("deadline of a request", 0.05, 3_600)] = None
    upload_seconds: Annotated[float | None, Says("deadline for a body to arrive", 0.05, 3_600)] = None
    drain_seconds: Annotated[float | None, Says("time that running requests get to end", 0, 600)] = None
    memory_limit_bytes: Annotated[int | None, Says("memory the voice API may use", 0, 1 << 50)] = None
    memory_headroom_bytes: Annotated[int | None, Says("memory left when ready", 0, 1 << 50)] = None
    log_format: Annotated[str | None, Says("form of the log", choices=("auto", "json", "text"))] = None
    log_level: Annotated[
        str | None, Says("least important line logged", choices=("debug", "info", "warning", "error"))
    ] = None
    log_transcripts: Annotated[bool | None, Says("log what was heard, said and typed")] = None


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """One node pool, `[[hetzner.pools]]`: nodes that are alike; None takes the value of `[hetzner]`."""

    name: Annotated[str, Says("name of the pool")] = ""
    count: Annotated[int, Says("nodes in the pool", 0, 99)] = 1
    type: Annotated[str | None, Says("server type")] = None
    location: Annotated[str | None, Says("location")] = None
    fallbacks: Annotated[tuple[str, ...] | None, Says("places tried next, such as cax31@fsn1")] = None
    labels: Annotated[tuple[str, ...], Says("labels of the Kubernetes nodes, such as tier=edge")] = ()
    taints: Annotated[tuple[str, ...], Says("taints of the Kubernetes nodes")] = ()
    volume_gb: Annotated[int, Says("size of a volume for each node, 0 for none", 0, 10_240)] = 0


@dataclass(frozen=True, slots=True)
class HetznerSettings:
    """What the target hetzner needs to know."""

    token: Annotated[Secret | None, Says("token of the Hetzner project", variable="HCLOUD_TOKEN")] = None
    endpoint: Annotated[
        str | None, Says("another address of the Hetzner API", variable="HCLOUD_ENDPOINT")
    ] = None
    cluster: Annotated[str, Says("name of the cluster; every resource carries it")] = "kvx"
    location: Annotated[str, Says("where machines stand")] = "nbg1"
    type: Annotated[str, Says("server type of the nodes")] = "cax21"
    control_planes: Annotated[int, Says("control planes, 1 or 3", 1, 3)] = 1
    control_plane_type: Annotated[str, Says("server type of the control planes")] = "cax11"
    workers: Annotated[int, Says("nodes of the pool workers, where no pools are named", 0, 99)] = 2
    pools: Annotated[tuple[PoolSettings, ...], Says("node pools")] = ()
    fallbacks: Annotated[tuple[str, ...] | None, Says("places tried next, such as cax31@fsn1")] = None
    image: Annotated[str, Says("operating system of the machines")] = "debian-12"
    load_balancer: Annotated[str | None, Says("type of a load balancer in front, such as lb11")] = None
    private_only: Annotated[bool, Says("nodes without public addresses, behind a gateway")] = False
    allowed_addresses: Annotated[
        tuple[str, ...], Says("who may reach SSH and the API: networks, or caller for this machine's address")
    ] = ("caller",)
    open_to_the_world: Annotated[bool, Says("allow everybody among allowed_addresses")] = False
    address_url: Annotated[str, Says("answers with the caller's address")] = "https://ip.hetzner.com"
    ssh_public_key: Annotated[Path | None, Says("key for SSH; kvx makes one unless set")] = None
    max_monthly: Annotated[float | None, Says("most the machines may cost a month, net", 0, 1_000_000)] = None
    max_increase: Annotated[
        float | None, Says("most that a deploy may add to what they cost a month, net", 0, 1_000_000)
    ] = None
    wait_for_capacity: Annotated[str, Says("how long to wait for stock, such as 30m")] = "0"
    bucket: Annotated[str | None, Says("bucket for Terraform's state; a local file unless set")] = None
    bucket_key: Annotated[
        str | None, Says("name of the state in the bucket; kvx/CLUSTER.tfstate unless set")
    ] = None
    bucket_region: Annotated[str, Says("region of the bucket")] = "nbg1"
    bucket_endpoint: Annotated[str, Says("address of the object storage")] = (
        "https://nbg1.your-objectstorage.com"
    )
    bucket_access_key: Annotated[
        Secret | None, Says("access key of the bucket", variable="AWS_ACCESS_KEY_ID")
    ] = None
    bucket_secret_key: Annotated[
        Secret | None, Says("secret key of the bucket", variable="AWS_SECRET_ACCESS_KEY")
    ] = None


@dataclass(frozen=True, slots=True)
class NodesSettings:
    """What the machines are to be, once they are there; None leaves the value to Ansible's roles."""

    k3s_version: Annotated[str | None, Says("release of k3s, such as v1.34.2+k3s1")] = None
    k3s_checksums: Annotated[
        tuple[str, ...], Says("SHA-256 of its program, arm64=...; the release's own list unless set")
    ] = ()
    k3s_folder: Annotated[Path | None, Says("folder with the release, for nodes without a way out")] = None
    operators: Annotated[tuple[str, ...], Says("people with a login, such as ada ssh-ed25519 AAAA...")] = ()
    timezone: Annotated[str | None, Says("time zone of the nodes, such as Europe/Berlin")] = None
    etcd_schedule: Annotated[str | None, Says("when etcd is saved, as cron says it")] = None
    etcd_kept: Annotated[int | None, Says("how many snapshots of etcd are kept", 1, 1_000)] = None
    etcd_bucket: Annotated[str | None, Says("bucket that snapshots of etcd are copied to")] = None
    etcd_endpoint: Annotated[str, Says("address of the object storage")] = (
        "https://nbg1.your-objectstorage.com"
    )
    etcd_region: Annotated[str | None, Says("region of the bucket")] = None
    etcd_access_key: Annotated[
        Secret | None, Says("access key of the bucket", variable="KVX_ETCD_S3_ACCESS_KEY")
    ] = None
    etcd_secret_key: Annotated[
        Secret | None, Says("secret key of the bucket", variable="KVX_ETCD_S3_SECRET_KEY")
    ] = None
    kubeconfig_merge: Annotated[bool | None, Says("merge the kubeconfig into ~/.kube/config")] = None
    variables: Annotated[Path | None, Says("YAML file with any other variables of the roles")] = None
    forks: Annotated[int, Says("machines that Ansible works on at the same time", 1, 100)] = 10
    deadline_seconds: Annotated[float, Says("how long configuring may take", 1, 86_400)] = 3600.0


@dataclass(frozen=True, slots=True)
class ImagesSettings:
    """Where the images go, and what they are built of; None leaves the value to docker/docker-bake.hcl."""

    repository: Annotated[str | None, Says("registry and folder, such as registry.example.com/acme")] = None
    platforms: Annotated[tuple[str, ...], Says("what they are built for")] = ("linux/arm64", "linux/amd64")
    base: Annotated[str | None, Says("image they stand on, with Python 3.11 and best by digest")] = None
    builder_image: Annotated[str | None, Says("image they are built in, with the same Python and pip")] = None
    builder: Annotated[str | None, Says("one of docker buildx ls, ssh://USER@HOST, or kubernetes")] = None
    builder_pod_image: Annotated[
        str | None, Says("image of rootless BuildKit for the builder kubernetes; buildx's own unless set")
    ] = None
    packages: Annotated[
        str, Says("native; emulated where a package has no wheel", choices=("native", "emulated"))
    ] = "native"
    cache: Annotated[
        bool, Says("keep what a build remembers in the registry, under the tag cache, for other builders")
    ] = True
    largest_mb: Annotated[float, Says("most an image may be for a platform, compressed", 1, 10_000)] = 150.0
    allow_dirty: Annotated[bool, Says("build what is not committed")] = False
    pip_file: Annotated[Path | None, Says("pip.conf that the build uses and no layer holds")] = None
    certificates: Annotated[Path | None, Says("certificates that the build trusts and no layer holds")] = None
    deadline_seconds: Annotated[float, Says("how long building or loading may take", 1, 86_400)] = 3600.0


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """Which cluster, and what of k8s/ runs on it; None leaves the value to the overlay of the target."""

    kubeconfig: Annotated[
        Path | None, Says("kubeconfig of the target cluster; KUBECONFIG or ~/.kube/config unless set")
    ] = None
    context: Annotated[str | None, Says("context in the kubeconfig; its current one unless set")] = None
    size: Annotated[str, Says("limits of a replica, with quotas to match", choices=("s", "m", "l"))] = "s"
    components: Annotated[tuple[str, ...], Says("more of k8s/components, such as monitoring")] = ()
    arm64: Annotated[
        str | None, Says("whether it runs on arm64 only", choices=("preferred", "required", "no"))
    ] = None
    least_replicas: Annotated[int | None, Says("replicas there always are", 1, 100)] = None
    most_replicas: Annotated[int | None, Says("replicas there are at most", 1, 100)] = None
    cpu_quota: Annotated[str | None, Says("processor quota of the namespace, such as 2000m")] = None
    memory_quota: Annotated[str | None, Says("memory quota of the namespace, such as 4Gi")] = None
    postgres_image: Annotated[
        str | None, Says("image of the component postgres, such as docker.io/library/postgres@sha256:...")
    ] = None
    language_model_image: Annotated[
        str | None, Says("image of the component language-model, llama.cpp's server with a model, by digest")
    ] = None
    speech_model_image: Annotated[
        str | None, Says("image of the component speech-model, the voice API's with a model, by digest")
    ] = None
    overlay: Annotated[Path | None, Says("kustomization of your own, in the place of kvx's overlay")] = None
    revisions_kept: Annotated[int, Says("releases that can be gone back to", 1, 100)] = 10
    lease_wait_seconds: Annotated[
        float, Says("how long to wait for another kvx that applies to the cluster", 0, 86_400)
    ] = 0.0
    deadline_seconds: Annotated[float, Says("how long applying and rolling out may take", 1, 86_400)] = 600.0


@dataclass(frozen=True, slots=True)
class CostSettings:
    """How costs are told, and to whom; kvx cost report --cron follows these."""

    monthly_budget: Annotated[float | None, Says("most a month may cost, net", 0, 10_000_000)] = None
    textfile: Annotated[Path | None, Says("file of figures for Prometheus' node-exporter, kvx.prom")] = None
    jitter_seconds: Annotated[float, Says("longest pause before a look from cron", 0, 3_600)] = 60.0
    mail_to: Annotated[str | None, Says("whom sendmail tells what is not well")] = None
    sendmail: Annotated[Path, Says("program that sends mail")] = Path("/usr/sbin/sendmail")
    webhook: Annotated[str | None, Says("address that is told what is not well, https://...")] = None
    webhook_secret: Annotated[
        Secret | None, Says("key that signs what the webhook is told", variable="KVX_COST_WEBHOOK_SECRET")
    ] = None
    voice_url: Annotated[
        str | None, Says("voice API that says what its cloud engines were used for; the cluster's unless set")
    ] = None
    voice_key: Annotated[
        Secret | None, Says("key for that voice API, where it wants one", variable="KVX_COST_VOICE_KEY")
    ] = None
    usage_file: Annotated[Path | None, Says("file with what it says, in the place of asking it")] = None
    minutes_per_core: Annotated[
        float | None,
        Says("minutes of sound that a core hears in an hour, as kvx bench voice measured it", 0.01, 100_000),
    ] = None
    inside: Annotated[bool, Says("this runs in the cluster, and reaches pods by their addresses")] = False
    config_map: Annotated[
        str | None, Says("ConfigMap that holds the last report of --cron, NAMESPACE/NAME")
    ] = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one call of kvx; kvx.toml and .kvx/ lie in `folder`."""

    folder: Path
    target: Annotated[str, Says("what is deployed to")] = "local"
    deadline_seconds: Annotated[float, Says("how long starting the voice API may take", 1, 3600)] = 60.0
    voice: VoiceSettings = field(default_factory=VoiceSettings)
    hetzner: HetznerSettings = field(default_factory=HetznerSettings)
    nodes: NodesSettings = field(default_factory=NodesSettings)
    images: ImagesSettings = field(default_factory=ImagesSettings)
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    cost: CostSettings = field(default_factory=CostSettings)
