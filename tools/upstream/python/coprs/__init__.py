"""Stands in for the frontend that the checkout's API tests import: its requests and objects go to the tested system."""

from coprs import helpers, models
from coprs.client import TestClient
from coprs.control import control
from coprs.database import Database

db = Database()


class _App:
    """The parts of a Flask application that the tests touch."""

    testing = False

    def __init__(self):
        self.config = {"BACKEND_PASSWORD": "unused"}

    def test_client(self):
        """Returns a client of the tested frontend."""
        return TestClient()

    def app_context(self):
        """Returns a context to push and pop."""
        return self

    def push(self):
        """Empties the tested system, as each test begins with nothing."""
        db.session.forget()
        control("reset")

    def pop(self):
        """Does nothing: the next test resets."""


class _Cache:
    @staticmethod
    def clear():
        """Does nothing: each test has a frontend of its own."""


app = _App()
cache = _Cache()
