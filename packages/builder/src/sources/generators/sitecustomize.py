"""Answers the requests of pyp2spec and pyp2rpm, in which PyPI's URLs are fixed, with files that the agent has downloaded.

Python imports this module at its start because PYTHONPATH names its folder. files.json there has the keys `release`, the path of the
index's description of the release, and `archive`, that of the source archive. So the generators need no access to the index, whose
URL may contain a password.
"""
import json
import os
import urllib.request

with open(os.path.join(os.path.dirname(__file__), "files.json"), encoding="utf-8") as file:
    FILES = json.load(file)


def local(url):
    """Returns the path of the file that answers a request; None if the request goes to the network."""
    if url.startswith("https://pypi.org/pypi/"):
        return FILES["release"]
    if url.rpartition("/")[2] == os.path.basename(FILES["archive"]):
        return FILES["archive"]
    return None


opener_open = urllib.request.OpenerDirector.open


def open_local(self, fullurl, *args, **kwargs):
    path = local(fullurl) if isinstance(fullurl, str) else None
    return opener_open(self, fullurl if path is None else "file://" + path, *args, **kwargs)


urllib.request.OpenerDirector.open = open_local

try:
    import requests
except ImportError:
    pass
else:
    session_request = requests.Session.request

    def request_local(self, method, url, *args, **kwargs):
        path = local(url)
        if path is None:
            return session_request(self, method, url, *args, **kwargs)
        response = requests.Response()
        response.status_code = 200
        response.url = url
        response.encoding = "utf-8"
        with open(path, "rb") as content:
            response._content = content.read()
        return response

    requests.Session.request = request_local
