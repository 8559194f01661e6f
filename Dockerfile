# Pikzels UI in a container: web server, worker or sandbox, by its command. See docs/deploying.md.

FROM debian:bookworm-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
# "scaled" for several hosts.
ARG PACKAGES=postgres
COPY requirements-${PACKAGES}.txt /tmp/requirements.txt
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-client python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --no-create-home pikzels-ui \
    && install -d -o pikzels-ui -g pikzels-ui -m 0700 /data /backups
COPY --from=build /opt/venv /opt/venv
COPY . /opt/pikzels-ui
WORKDIR /opt/pikzels-ui
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
# By number, so that whoever runs it can see that it is not root.
USER 10001
VOLUME /data /backups
EXPOSE 8000
# For the web server; compose.yaml switches it off for the others.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# exec: a signal to stop goes to the server itself.
CMD ["sh", "-c", "python manage.py prepare && exec gunicorn --bind 0.0.0.0:8000 pikzels_ui.wsgi:application"]
