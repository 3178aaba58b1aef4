"""A Flask-like test client that sends real requests to the tested frontend."""

import json
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

from coprs import forms
from coprs.control import site


class Response:
    """An answer with the attributes of Flask's."""

    def __init__(self, status_code, data, content_type=""):
        self.status_code = status_code
        self.data = data
        self.content_type = content_type

    @property
    def is_json(self):
        """Whether the answer is JSON."""
        return self.content_type.startswith("application/json")

    @property
    def json(self):
        """The parsed JSON."""
        return json.loads(self.data)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def send(method, path, data=None, headers=None):
    """Sends one request, after the new objects of the test are made; an answer with an error status is an answer."""
    from coprs import db

    db.session.flush()
    request = urllib.request.Request(
        site() + urllib.parse.quote(path, safe="/?&=:@%*+,!~"),
        data=data,
        headers=headers or {},
        method=method,
    )
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return Response(answer.status, answer.read(), answer.headers.get("Content-Type", ""))
    except urllib.error.HTTPError as answer:
        return Response(answer.code, answer.read(), answer.headers.get("Content-Type", ""))


class TestClient:
    """The client of one test; `session` holds whom the test has logged in."""

    __test__ = False
    preserve_context = False

    def __init__(self):
        self.session = {}

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.session = {}

    @contextmanager
    def session_transaction(self):
        """Yields the session, to change it."""
        yield self.session

    def get(self, path, query_string=None, headers=None, content_type=None):
        """Sends a GET request."""
        if query_string:
            path += "?" + urllib.parse.urlencode(query_string, doseq=True)
        return send("GET", path, headers=_text(headers, content_type))

    def post(self, path, data=None, headers=None, content_type=None, follow_redirects=False):
        """Sends a POST request; a form of the web interface is sent to the corresponding route of the API."""
        assert not follow_redirects
        if not path.startswith("/api_3/"):
            return forms.submit(path, data, self.session.get("oidc"))
        if isinstance(data, dict):
            data = urllib.parse.urlencode(data, doseq=True)
        body = data.encode() if isinstance(data, str) else data or b""
        return send("POST", path, body, _text(headers, content_type))


def _text(headers, content_type):
    found = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in (headers or {}).items()
    }
    if content_type is not None:
        found["Content-Type"] = content_type
    return found
