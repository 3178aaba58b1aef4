"""Upstream's daemon for messages of Pagure is not part of this system: each test case makes its object, and no test that counts uses it."""


def build_on_fedmsg_loop():
    """Returns nothing."""
