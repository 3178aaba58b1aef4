"""Lets packages install themselves where rpm's generators look for them.

Debian's python installs into /usr/local/lib/python@PYTHON@/dist-packages, whatever prefix it is given. In a package
build it is to be /usr/lib/python@PYTHON@/site-packages, as everywhere else.
"""

import os

if os.environ.get('RPM_BUILD_ROOT'):
    import sysconfig

    sysconfig._get_preferred_schemes = lambda: {'prefix': 'posix_prefix', 'home': 'posix_home', 'user': 'posix_user'}
