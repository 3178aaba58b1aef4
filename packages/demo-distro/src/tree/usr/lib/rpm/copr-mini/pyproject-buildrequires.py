"""Prints what a Python project needs to be built, as rpm dependencies, one a line.

rpmbuild asks again after installing what was printed, so the build backend is only run once it is there.
"""

import argparse
import importlib
import importlib.metadata
import os
import re
import sys
import tempfile
import tomllib

DEFAULT_REQUIRES = ['setuptools >= 40.8', 'wheel']
DEFAULT_BACKEND = 'setuptools.build_meta:__legacy__'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--no-runtime', action='store_true')
    parser.add_argument('--no-backend', action='store_true')
    parser.add_argument('--extras', default='')
    options, _ = parser.parse_known_args()
    extras = options.extras.split(',') if options.extras else []

    build_system = read_build_system()
    # as many as possible at once: each round costs an installation
    wanted = ['packaging', 'pip'] + ([] if options.no_backend else build_system.get('requires', DEFAULT_REQUIRES))
    if not ask(wanted, extras) or options.no_backend:
        return
    backend = load_backend(build_system)
    hook = getattr(backend, 'get_requires_for_build_wheel', None)
    if hook is not None and not ask(quietly(hook), extras):
        return
    if not options.no_runtime:
        ask(runtime_requires(backend), extras)


def read_build_system():
    if not os.path.exists('pyproject.toml'):
        return {}
    with open('pyproject.toml', 'rb') as file:
        return tomllib.load(file).get('build-system', {})


def load_backend(build_system):
    sys.path[:0] = build_system.get('backend-path', ['.'] if not build_system else [])
    module, _, attribute = build_system.get('build-backend', DEFAULT_BACKEND).partition(':')
    backend = importlib.import_module(module)
    for name in filter(None, attribute.split('.')):
        backend = getattr(backend, name)
    return backend


def quietly(call, *arguments):
    """Runs a backend's hook with its chatter on stderr: stdout is for dependencies."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        return call(*arguments)
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)


def runtime_requires(backend):
    hook = getattr(backend, 'prepare_metadata_for_build_wheel', None)
    if hook is None:
        return []
    with tempfile.TemporaryDirectory() as directory:
        info = quietly(hook, directory)
        return importlib.metadata.PathDistribution.at(os.path.join(directory, info)).requires or []


def ask(requirements, extras):
    """Prints the requirements and tells whether all of them are met already."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        for name in requirements:
            print(f'python3dist({re.split("[^A-Za-z0-9_.-]", name)[0].lower()})')
        return False
    met = True
    for requirement in map(Requirement, requirements):
        environments = [{'extra': extra} for extra in ['', *extras]]
        if requirement.marker and not any(requirement.marker.evaluate(one) for one in environments):
            continue
        print(dependency(requirement))
        met = met and is_met(requirement)
    return met


def dependency(requirement):
    name = f'python3dist({re.sub("[-_.]+", "-", requirement.name).lower()})'
    bounds = [bound for one in requirement.specifier for bound in rpm_bounds(name, one)]
    if len(bounds) > 1:
        return f'({" with ".join(bounds)})'
    return bounds[0] if bounds else name


def rpm_bounds(name, specifier):
    version = re.sub(r'(\.0+)+$', '', specifier.version.removesuffix('.*'))
    parts = version.split('.')
    if specifier.operator == '~=':
        parts = specifier.version.split('.')[:-1]
    after = '.'.join([*parts[:-1], str(int(parts[-1]) + 1)]) if parts[-1].isdigit() else version
    if specifier.operator == '~=' or (specifier.operator == '==' and specifier.version.endswith('.*')):
        return [f'{name} >= {version}', f'{name} < {after}']
    if specifier.operator == '!=':
        return []
    return [f'{name} {specifier.operator.replace("===", "=").replace("==", "=")} {version}']


def is_met(requirement):
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


main()
