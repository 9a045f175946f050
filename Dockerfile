# A Garrison node, manager and client in one image. The base can be made without a registry:
# `deploy/base-image` builds debian:bookworm-slim from Debian's packages.
#
# Behind a proxy that inspects TLS, put its authorities as *.crt into deploy/ca/ before building.

FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates cargo-web gcc libc6-dev python3-dev python3-venv rustc-web \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/ca/ /usr/local/share/ca-certificates/
RUN update-ca-certificates
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/garrison \
    && /opt/garrison/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home garrison
COPY --from=build /opt/garrison /opt/garrison
ENV PATH=/opt/garrison/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GARRISON_DIR=/data
USER garrison
WORKDIR /data
VOLUME /data
EXPOSE 6379 16379
HEALTHCHECK --interval=2s --timeout=2s --start-period=5s CMD ["garrison", "health"]
ENTRYPOINT ["garrison"]
CMD ["node"]
