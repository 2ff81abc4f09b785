"""A service's web application for those who only look at what it declares. It has no database and knows no keys."""

from pathlib import Path
from tempfile import TemporaryDirectory

from jalsa.db.transactions import Database
from jalsa.http import create_app
from jalsa.http.edge import JalsaFlask
from jalsa.service.declaration import Service

_NOWHERE = "postgresql://127.0.0.1:1/nowhere"


def application(service: Service) -> JalsaFlask:
    """The application with all its routes. A request that needs the database or a token cannot be answered."""
    with TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        keys.write_text('{"keys": []}')
        settings = {"DATABASE_URL": _NOWHERE, "JWKS_URL": keys.as_uri(), "SERVICE_JWKS_URL": keys.as_uri()}
        return create_app(service, service.config.from_env(settings), Database(_NOWHERE))
