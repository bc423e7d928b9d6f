# syntax=docker/dockerfile:1
# One image for every role: flowkit-scheduler, flowkit-worker, and the client `flowkit`.
#
# It holds flowkit and nothing of yours. Mount your code at /app, as docker-compose.yml does, or
# build an image of your own on top of this one:
#
#     FROM flowkit:local
#     USER root
#     RUN pip install --no-cache-dir pandas
#     USER 10001:10001
#     COPY etl.py /app/
#
# Run it with an init process (`docker run --init`, `init: true`): tasks may start programs and
# leave them behind, and somebody has to reap those.

# What is installed is locked with hashes in requirements/ (docs/development.md says how to renew it).
# The base image is a tag that its maintainers move, with patches. To pin it to one build, look up
# its digest and pass it on:
#
#     docker buildx imagetools inspect python:3.13-slim-bookworm
#     docker build --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements requirements
# Only wheels: to build a source archive runs code out of it.
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
    && pip download --no-cache-dir --require-hashes --only-binary :all: \
        --dest /wheels -r requirements/image.txt \
    && cp requirements/image.txt /wheels/
COPY pyproject.toml README.md LICENSE ./
COPY flowkit flowkit
COPY scheduler scheduler
COPY worker worker
RUN pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE}
# HOME: libraries that keep caches need a place to write, and compose mounts the rest read-only.
ENV PYTHONUNBUFFERED=1 HOME=/tmp
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels --require-hashes \
        -r /wheels/image.txt \
    && pip install --no-cache-dir --no-index --no-deps /wheels/flowkit-*.whl \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin flowkit \
    && install -d -o flowkit -g flowkit /app /data
# Code is read from /app; /data is what tasks may write to, and where they start.
WORKDIR /data
USER 10001:10001
CMD ["flowkit", "--help"]
