# Emscher in a container: the packages of requirements.lock, without those of the tests.

ARG PYTHON=3.11-slim

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
RUN python -m venv /opt/emscher
# The packages change seldom and the code often, so they are layers of their own.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needs.txt \
    && /opt/emscher/bin/pip install --constraint requirements.lock --requirement needs.txt
COPY . .
RUN /opt/emscher/bin/pip install --no-deps .

FROM python:${PYTHON}
RUN useradd --uid 10001 --home-dir /var/lib/emscher --create-home emscher \
    && install --directory --owner emscher --group emscher /var/cache/emscher
COPY --from=build /opt/emscher /opt/emscher
ENV PATH=/opt/emscher/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/emscher
USER emscher
WORKDIR /var/lib/emscher
# Compiled here, so that the first message need not wait. Another kind of CPU compiles anew, once:
# the folder stays writable.
RUN python -c "from kernels import warm; warm.warm()"

VOLUME /var/lib/emscher
EXPOSE 8000 1883
# Ctrl-C, not a kill: what was accepted is stored before the process ends.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/v1/health', timeout=4)"]
ENTRYPOINT ["emscher"]
CMD ["up", "--data", "/var/lib/emscher", "--http", "0.0.0.0:8000", "--mqtt", "0.0.0.0:1883"]
