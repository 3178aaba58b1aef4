"""Lets packages install themselves where rpm's generators look for them.

Debian's python installs into /usr/local/lib/python@PYTHON@/dist-packages, whatever prefix it is given. In a package
build, it has to install into /usr/lib/python@PYTHON@/site-packages, as Python does on other distributions.
"""

import os

if os.environ.get('RPM_BUILD_ROOT'):
    import sys
    import sysconfig
    from importlib.machinery import PathFinder

    sysconfig._get_preferred_schemes = lambda: {'prefix': 'posix_prefix', 'home': 'posix_home', 'user': 'posix_user'}

    # Debian's modules behind `setup.py install`: without a prefix they install into /usr/local, except in a virtual environment
    DEBIAN_INSTALL = {'_distutils_system_mod', 'distutils.command.install'}

    class LayoutFinder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            spec = PathFinder.find_spec(name, path) if name in DEBIAN_INSTALL else None
            if spec is None or spec.loader is None:
                return None
            run_module = spec.loader.exec_module

            def exec_module(module):
                run_module(module)
                if hasattr(module, 'is_virtual_environment'):
                    module.is_virtual_environment = lambda: True

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, LayoutFinder)
