# Every process of the Procfile runs from this image; the default command is the web server.
FROM python:3.11-slim AS packages
COPY requirements.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --only-binary :all: -r /requirements.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
RUN useradd --system --uid 10001 --home-dir /data perron && install -d -o perron -m 700 /data
COPY --from=packages /venv /venv
WORKDIR /perron
COPY . .
RUN pybabel --quiet compile -d translations
USER perron
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz')"]
CMD ["gunicorn", "-c", "ops/gunicorn.conf.py", "app:create_app()"]
