# syntax=docker/dockerfile:1
# vaultbind's image: the locked packages and the program in a virtual environment, and nothing that could install more.
# Any base with Python 3.11 to 3.14 as `python3` does. Releases pin it by digest; .github/renovate.json keeps the digest fresh.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
# 1. every package as a wheel, checked against the hash in the lock; sources, which would run code to build, are refused
COPY requirements.lock ./
RUN python3 -m venv /tools \
    && /tools/bin/python -m pip download --quiet --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
        --dest /wheels --requirement requirements.lock \
    && /tools/bin/python -m pip install --quiet --no-index --find-links /wheels hatchling editables
# 2. our own wheel, made by the locked build backend
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY crds crds
COPY examples examples
RUN /tools/bin/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir /wheels .
# 3. an environment of these wheels only, without pip: what the build alone needs stays behind
RUN python3 -m venv --without-pip /opt/vaultbind \
    && /tools/bin/python -m pip --python /opt/vaultbind/bin/python install --quiet --no-index --find-links /wheels \
        "vaultbind[operator,eventgrid]"

FROM ${BASE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vaultbind" \
      org.opencontainers.image.description="Binds objects of Azure Key Vault to what a Kubernetes cluster uses." \
      org.opencontainers.image.source="https://github.com/vaultbind/vaultbind" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# the base's own pip goes, too
RUN find / -xdev -path '*/python3*' \( -name pip -o -name 'pip-*' -o -name setuptools -o -name 'setuptools-*' \
        -o -name wheel -o -name 'wheel-*' -o -name ensurepip \) -prune -exec rm -r {} + \
    && rm -f /usr/bin/pip* /usr/local/bin/pip* \
    && ! python3 -m pip --version 2>/dev/null
COPY --from=build /opt/vaultbind /opt/vaultbind
ENV PATH=/opt/vaultbind/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["vaultbind"]
CMD ["run"]
