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

FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY flowkit flowkit
COPY scheduler scheduler
COPY worker worker
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.13-slim-bookworm
# HOME: libraries that keep caches need a place to write, and compose mounts the rest read-only.
ENV PYTHONUNBUFFERED=1 HOME=/tmp
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels /wheels/flowkit-*.whl \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin flowkit \
    && install -d -o flowkit -g flowkit /app /data
# Code is read from /app; /data is what tasks may write to, and where they start.
WORKDIR /data
USER 10001:10001
CMD ["flowkit", "--help"]
