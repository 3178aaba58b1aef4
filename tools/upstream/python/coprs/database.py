"""A session to which tests add objects; a flush makes them in the tested system."""

from contextlib import contextmanager

from coprs.models import ORDER, Model


class Session:
    """Keeps the objects of one test."""

    def __init__(self):
        self._objects = []

    def forget(self):
        """Begins a new test."""
        self._objects = []
        for cls in ORDER:
            cls.known = []

    def add(self, *objects):
        """Adds objects. Upstream also passes a list by mistake, which SQLAlchemy takes as an option."""
        for each in objects:
            if isinstance(each, Model) and each not in self._objects:
                self._objects.append(each)

    def add_all(self, objects):
        """Adds objects."""
        self.add(*objects)

    def flush(self):
        """Makes the new objects, owners first, and applies changes to the others."""
        for each in list(self._objects):
            self.add(*each.cascade())
        for cls in ORDER:
            for each in [one for one in self._objects if type(one) is cls]:
                each.flush()

    def commit(self):
        """Flushes."""
        self.flush()

    def rollback(self):
        """Does nothing: the next test begins with an empty system."""

    @staticmethod
    def get(cls, number):
        """Returns the object with this id, or None."""
        return cls.get(number)


class _Engine:
    @contextmanager
    def connect(self):
        """Yields a connection that ignores statements: the test case empties its tables, which reset() does here."""
        yield self

    def execute(self, _statement):
        """Does nothing."""

    def commit(self):
        """Does nothing."""


class _Metadata:
    sorted_tables = ()


class Database:
    """The parts of Flask-SQLAlchemy that the tests touch."""

    def __init__(self):
        self.session = Session()
        self.engine = _Engine()
        self.metadata = _Metadata()

    def create_all(self):
        """Does nothing: the tested system has its tables."""
