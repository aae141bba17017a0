# The voice processor: hears long files for a voice API. The image of the voice API, with another command: `voice-api`
# is the target of that name in docker-bake.hcl, so that both have the same layers, and this one nothing of its own.

# hadolint ignore=DL3006
FROM voice-api
# An empty folder of the service's user: what is mounted there without an owner gets this one.
# hadolint ignore=DL3022
COPY --from=voice-api --chown=65532:65532 /models /jobs
ENV KVX_VOICE_JOBS_FOLDER=/jobs
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s \
    CMD ["/usr/bin/python3", "-P", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['KVX_VOICE_PORT']}/health\", timeout=8)"]
CMD ["process"]

ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="voice-processor" \
      org.opencontainers.image.description="Hears long files for a voice API, off the path of its requests" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
