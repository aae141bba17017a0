# kvx for the cluster: what asks and tells, such as `kvx cost report --cron`, without Ansible, builders and Terraform.
# Built by `kvx images build` where the component cost-report is on. No program of the target's processor runs meanwhile.

# What it runs on: Python 3.11 with glibc 2.28 or newer and certificates. No shell, no pip.
ARG BASE=gcr.io/distroless/python3-debian12:nonroot
# What it is built with: the same Python, with pip, on the processor that builds.
ARG BUILDER=python:3.11-slim-bookworm
# native, or emulated where something has no wheel for the target: minutes more.
ARG PACKAGES=native

FROM ${BASE} AS base

FROM --platform=${BUILDPLATFORM} ${BUILDER} AS packages-native
ARG TARGETARCH
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=requirements/kvx.txt,target=/build/kvx.txt \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/pip \
    ["python3", "/build/packages.py", "install", "/build/kvx.txt", "/packages/opt/kvx"]

FROM ${BUILDER} AS packages-emulated
ARG TARGETARCH
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=requirements/kvx.txt,target=/build/kvx.txt \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/pip \
    ["python3", "/build/packages.py", "install-here", "/build/kvx.txt", "/packages/opt/kvx"]

# hadolint ignore=DL3006
FROM packages-${PACKAGES} AS packages

FROM --platform=${BUILDPLATFORM} ${BUILDER} AS bytecode
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,from=base,target=/base \
    ["python3", "/build/packages.py", "bytecode", "/base", "/bytecode"]

# kvx is the same on every processor: this stage is built once for all of them.
FROM --platform=${BUILDPLATFORM} ${BUILDER} AS program
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    --mount=type=bind,source=requirements/builder.txt,target=/build/builder.txt \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/pip \
    ["python3", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", \
     "--require-hashes", "--only-binary=:all:", "--target=/builder", "-r", "/build/builder.txt"]
COPY cli /source
RUN --mount=type=bind,source=docker/packages.py,target=/build/packages.py \
    ["python3", "/build/packages.py", "program", "/source", "/program/opt/kvx", "/builder", "/srv/kvx"]

FROM base
COPY --from=packages /packages /
COPY --from=bytecode /bytecode /
# Where kvx.toml is mounted, and the volume with the ledger: of the program's user.
COPY --from=program --chown=65532:65532 /srv/kvx /srv/kvx
COPY --from=program /program /

ENV PYTHONPATH=/opt/kvx \
    PYTHONDONTWRITEBYTECODE=1 \
    KVX_FOLDER=/srv/kvx
USER 65532:65532
WORKDIR /srv/kvx
# It is started, tells and ends: there is nothing whose health could be asked.
HEALTHCHECK NONE
ENTRYPOINT ["/usr/bin/python3", "-P", "-m", "kvx"]
CMD ["version"]

ARG VERSION
ARG REVISION
ARG SOURCE
ARG BASE
LABEL org.opencontainers.image.title="kvx" \
      org.opencontainers.image.description="Says from within a cluster what its machines cost" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE}"
