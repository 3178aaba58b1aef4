"""Extends the checkout's package of the same name: its modules are found there."""

import os

__path__.append(os.path.join(os.environ["UPSTREAM_FRONTEND"], "tests"))
