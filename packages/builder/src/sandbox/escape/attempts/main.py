"""Makes attempts to leave the sandbox that it runs in: python3 main.py TARGETS NAME…"""

import devices  # noqa: F401
import files  # noqa: F401
import kernel  # noqa: F401
import legacy  # noqa: F401
import network  # noqa: F401
import others  # noqa: F401
import privileges  # noqa: F401
import processes  # noqa: F401
from attempt import main

main()
