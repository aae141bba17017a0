# The voice API: hears, answers and speaks. Built by `kvx images build`, or `docker buildx bake -f docker/docker-bake.hcl`.
# No program of the target's processor runs while it is built, unless PACKAGES=emulated asks for that.

# What it runs on: Python 3.11 with glibc 2.28 or newer, libstdc++, libgomp and certificates. No shell, no pip.
ARG BASE=gcr.io/distroless/python3-debian12:nonroot
# What it is built with: the same Python, with pip, on the processor that builds.
ARG BUILDER=python:3.11-slim-bookworm
# native, or emulated where something has no wheel for the target: minutes more.
ARG PACKAGES=native

FROM ${BASE} AS base

FROM --platform=${BUILDPLATFORM} ${BUILDER} AS packages-native
ARG TARGETARCH
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=requirements/voice-api.txt,target=/build/voice-api.txt \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/pip \
    ["python3", "/build/packages.py", "install", "/build/voice-api.txt", "/packages/opt/voice-api"]

FROM ${BUILDER} AS packages-emulated
ARG TARGETARCH
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=requirements/voice-api.txt,target=/build/voice-api.txt \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/pip \
    ["python3", "/build/packages.py", "install-here", "/build/voice-api.txt", "/packages/opt/voice-api"]

# hadolint ignore=DL3006
FROM packages-${PACKAGES} AS packages

FROM --platform=${BUILDPLATFORM} ${BUILDER} AS bytecode
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,from=base,target=/base \
    ["python3", "/build/packages.py", "bytecode", "/base", "/bytecode"]

# The service is the same on every processor: this stage is built once for all of them.
FROM --platform=${BUILDPLATFORM} ${BUILDER} AS service
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=requirements/builder.txt,target=/build/builder.txt \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/pip \
    ["python3", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", \
     "--require-hashes", "--only-binary=:all:", "--target=/builder", "-r", "/build/builder.txt"]
COPY voice_api /source
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=docker/health.py,target=/build/health.py \
    ["python3", "/build/packages.py", "service", "/source", "/service/opt/voice-api", "/builder", "/models"]

FROM base
COPY --from=packages /packages /
COPY --from=bytecode /bytecode /
COPY --from=service --chown=65532:65532 /models /models
COPY --from=service /service /

ENV PYTHONPATH=/opt/voice-api \
    PYTHONDONTWRITEBYTECODE=1 \
    KVX_VOICE_HOST=0.0.0.0 \
    KVX_VOICE_PORT=8484 \
    KVX_VOICE_METRICS_HOST=0.0.0.0 \
    KVX_VOICE_METRICS_PORT=9090 \
    KVX_VOICE_MODELS_FOLDER=/models
USER 65532:65532
WORKDIR /tmp
EXPOSE 8484 9090
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s \
    CMD ["/usr/bin/python3", "-P", "/opt/voice-api/health.py"]
ENTRYPOINT ["/usr/bin/python3", "-P", "-m", "voice_api"]
CMD ["serve"]

ARG VERSION
ARG REVISION
ARG SOURCE
ARG BASE
LABEL org.opencontainers.image.title="voice-api" \
      org.opencontainers.image.description="Hears questions about a Kubernetes cluster, and answers them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE}"
