# syntax=docker/dockerfile:1
# One image for every role: flowkit-scheduler, flowkit-worker, the page (`flowkit dashboard`), and the
# client `flowkit`.
#
# It contains flowkit, but not your code. Mount your code at /app, as docker-compose.yml does, or
# build your own image on top of this one:
#
#     FROM flowkit:local
#     USER root
#     RUN pip install --no-cache-dir pandas
#     USER 10001:10001
#     COPY etl.py /app/
#
# Run it with an init process (`docker run --init`, `init: true`), which reaps programs that tasks
# have started and left behind.

# requirements/ locks the packages by their hashes (docs/development.md says how to update them).
# The tag of the base image moves when its maintainers patch it. To pin it to one build, look up its
# digest and pass it:
#
#     docker buildx imagetools inspect python:3.13-slim-bookworm
#     docker build --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements requirements
# Wheels only, because building a source archive runs its code.
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
# HOME: libraries with caches need a place to write. Compose mounts everything else read-only.
ENV PYTHONUNBUFFERED=1 HOME=/tmp
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels --require-hashes \
        -r /wheels/image.txt \
    && pip install --no-cache-dir --no-index --no-deps /wheels/flowkit-*.whl \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin flowkit \
    && install -d -o flowkit -g flowkit /app /data
# Your code is in /app. Tasks start in /data, where they may write.
WORKDIR /data
USER 10001:10001
CMD ["flowkit", "--help"]
