# The voice API as images are usually made: one stage, the target's own pip. Only to be measured beside ours.
ARG BUILDER
FROM ${BUILDER}
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=bind,source=requirements/voice-api.txt,target=/build/voice-api.txt \
    ["python3", "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-deps", "--require-hashes", \
     "--break-system-packages", "--root-user-action=ignore", "-r", "/build/voice-api.txt"]
COPY voice_api/voice_api /opt/voice-api/voice_api
ENV PYTHONPATH=/opt/voice-api KVX_VOICE_HOST=0.0.0.0
USER 65532:65532
EXPOSE 8484
ENTRYPOINT ["/usr/bin/python3", "-m", "voice_api"]
CMD ["serve"]
