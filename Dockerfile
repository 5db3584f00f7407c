# One image for the bot and its one-shots: docker compose builds it, or: docker build -t hedgebot .
#
# Where packages come from is the builder's business: pip's own configuration in a secret (docker build --secret id=pip_conf,src=FILE .),
# or PIP_INDEX_URL and its like as build arguments. Neither stays in the image. Every package is held to its hash either way.
# To pin the base by digest: docker build --build-arg BASE=python:3.13-slim@sha256:… .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Compiled here, once and for all: a start compiles nothing and asks for no file's time.
COPY requirements-build.txt requirements-image.txt ./
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python -m venv /tools \
 && /tools/bin/pip install -q --require-hashes -r requirements-build.txt \
 && python -m venv --without-pip /opt/hedgebot \
 && /tools/bin/pip --python /opt/hedgebot/bin/python install -q --no-compile --no-deps --require-hashes -r requirements-image.txt \
 && /opt/hedgebot/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/hedgebot/lib
COPY pyproject.toml README.md LICENSE ./
COPY adapters adapters
COPY bot bot
RUN /tools/bin/pip wheel -q --no-deps --no-build-isolation -w /build/wheels . \
 && /tools/bin/pip --python /opt/hedgebot/bin/python install -q --no-compile --no-deps --no-index /build/wheels/*.whl \
 && /opt/hedgebot/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/hedgebot/lib/python3*/site-packages/bot /opt/hedgebot/lib/python3*/site-packages/adapters

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hedgebot" \
      org.opencontainers.image.description="Keeps inverse-perpetual shorts against a bag of coins at a target ratio" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --system --gid 10001 hedgebot \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin hedgebot \
 && install -d -o hedgebot -g hedgebot -m 0750 /data \
 && install -d -m 0755 /config /run/secrets
COPY --from=build /opt/hedgebot /opt/hedgebot
ENV PATH=/opt/hedgebot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEDGEBOT_CONFIG=/config/hedge.yaml
USER 10001:10001
# What is written lies in /data: paper venue, kill file, API token. /config and /run/secrets are only read; everything else may be read-only.
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["hedgebot", "probe"]
ENTRYPOINT ["hedgebot"]
CMD ["run"]
