# A Garrison node, manager, client and prompt in one image. The base can be made without a registry:
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
    CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# What builds stays in an environment of its own; the one that runs has neither pip nor setuptools.
RUN python3 -m venv /opt/tools \
    && /opt/tools/bin/pip install 'setuptools>=77' 'setuptools-rust>=1.10' wheel \
    && python3 -m venv --without-pip /opt/garrison
WORKDIR /src
# The engine alone first: it takes minutes, and an edit in Python leaves this layer as it is. A test of the image may
# ask for a quick build by these arguments; what is set here is the release profile.
ARG CARGO_PROFILE_RELEASE_LTO=fat
ARG CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
ARG CARGO_PROFILE_RELEASE_OPT_LEVEL=3
COPY pyproject.toml MANIFEST.in LICENSE ./
COPY garrison/__init__.py garrison/
COPY node/engine node/engine
RUN touch README.md \
    && /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/engine . \
    && rm -r build
COPY . .
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/tools/bin/pip --python /opt/garrison/bin/python install /tmp/wheel/*.whl \
    && find /opt/garrison -name '*.so' -exec strip --strip-unneeded {} +

# Python without its documents, headers and tools, on a system without documents and translations. Copied as a
# whole below: what a layer deletes would still be in the layers under it.
FROM debian:bookworm-slim AS system
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpython3-stdlib python3-minimal tini \
    && useradd --system --uid 10001 --home-dir /data --create-home garrison \
    && find /usr/share/doc -type f ! -name copyright -delete \
    && find /usr/share/doc -type d -empty -delete \
    && rm -rf /usr/share/info /usr/share/lintian /usr/share/locale /usr/share/man \
        /var/cache/apt /var/cache/debconf/*-old /var/lib/apt/lists /var/log/* \
    && mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial

FROM scratch
COPY --from=system / /
COPY --from=build /opt/garrison /opt/garrison
ENV PATH=/opt/garrison/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    GARRISON_DIR=/data
USER garrison
WORKDIR /data
VOLUME /data
EXPOSE 6379 16379
HEALTHCHECK --interval=2s --timeout=2s --start-period=5s CMD ["garrison", "health"]
# Process 1 is lost to signals until it handles them, and Python takes a while to begin: tini passes them on at once.
ENTRYPOINT ["tini", "--", "garrison"]
CMD ["node"]
