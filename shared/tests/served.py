"""A small application behind our gunicorn, run by test_server.py: `python served.py PORT STOP_DELAY`."""

import sys
import time

from flask import Flask, request

from jalsa.http.server import Server
from jalsa.service import logging


def application() -> Flask:
    """What it answers to `/wait` takes as many seconds as the query says."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64 << 10

    @app.get("/wait")
    def wait() -> str:
        time.sleep(float(request.args.get("seconds", 0)))
        return "waited"

    @app.post("/body")
    def body() -> str:
        return str(len(request.get_data()))

    @app.get("/scheduling/readyz")
    def readyz() -> str:
        return "ready"

    return app


if __name__ == "__main__":
    logging.configure("INFO", "served")
    bind = f"127.0.0.1:{sys.argv[1]}"
    Server(application, stop_delay=float(sys.argv[2]), bind=bind, workers=2, threads=4).run()
