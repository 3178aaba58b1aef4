"""Sends the requests of pyp2spec and pyp2rpm, in which PyPI's URLs are fixed, to the index and to the source archive of the task.

Python imports this module at its start because PYTHONPATH names its folder. index.json has the keys `index_url` and `archive`.
"""
import json
import os
import urllib.request

with open(os.path.join(os.path.dirname(__file__), "index.json"), encoding="utf-8") as file:
    TASK = json.load(file)
PYPI = "https://pypi.org/"


def directed(url):
    """Returns the URL to open instead of `url`; the archive is on disk, with its digest verified."""
    if url.startswith(PYPI):
        return TASK["index_url"] + "/" + url.removeprefix(PYPI)
    if url.rpartition("/")[2] == os.path.basename(TASK["archive"]):
        return "file://" + TASK["archive"]
    return url


opener_open = urllib.request.OpenerDirector.open


def open_directed(self, fullurl, *args, **kwargs):
    if isinstance(fullurl, str):
        fullurl = directed(fullurl)
    return opener_open(self, fullurl, *args, **kwargs)


urllib.request.OpenerDirector.open = open_directed

try:
    import requests
except ImportError:
    pass
else:
    session_request = requests.Session.request

    def request_directed(self, method, url, *args, **kwargs):
        return session_request(self, method, directed(url), *args, **kwargs)

    requests.Session.request = request_directed
