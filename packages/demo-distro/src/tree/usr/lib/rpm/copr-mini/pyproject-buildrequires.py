"""Prints what a Python project needs to be built, as rpm dependencies, one per line.

After the printed dependencies have been installed, this program is run again, so the build backend is called only once it is installed.
"""

import argparse
import email.parser
import importlib
import importlib.metadata
import os
import re
import sys
import tempfile
import tomllib
import zipfile

from tox_config import Environment

DEFAULT_REQUIRES = ['setuptools >= 40.8', 'wheel']
DEFAULT_BACKEND = 'setuptools.build_meta:__legacy__'


def main():
    options = read_options()
    project = read_pyproject()
    # prints as many dependencies as possible at once, because each round costs an installation
    wanted = ['packaging', 'pip']
    if not options.no_build_system:
        wanted += project.get('build-system', {}).get('requires', DEFAULT_REQUIRES)
    for name in options.groups:
        wanted += group_requires(project.get('dependency-groups', {}), name)
    for environment in options.environments:
        wanted += listed_requires(environment.lines('deps'))
    for file in options.files:
        wanted += file_requires(file)
    met = ask(wanted, [])
    if options.static_runtime:
        ask(static_requires(project), options.extras)
    if not met or options.no_build_system:
        return
    backend = load_backend(project.get('build-system', {}))
    hook = getattr(backend, 'get_requires_for_build_wheel', None)
    if hook is not None and not ask(quietly(hook, options.settings), []):
        return
    if options.runtime and not options.static_runtime:
        ask(runtime_requires(backend, options), options.extras)


def read_options():
    parser = argparse.ArgumentParser(prog='%pyproject_buildrequires')
    parser.add_argument('--default-env', required=True)
    parser.add_argument('-r', '--runtime', action='store_true', default=True)
    parser.add_argument('-R', '--no-runtime', dest='runtime', action='store_false')
    parser.add_argument('-w', '--wheel', action='store_true')
    parser.add_argument('-p', '--read-pyproject-dependencies', dest='static_runtime', action='store_true')
    parser.add_argument('-N', '--no-use-build-system', dest='no_build_system', action='store_true')
    parser.add_argument('-x', '--extras', action='append', default=[])
    parser.add_argument('-g', '--dependency-groups', dest='groups', action='append', default=[])
    parser.add_argument('-t', '--tox', action='store_true')
    parser.add_argument('-e', '--toxenv', action='append', default=[])
    parser.add_argument('-C', '--config-settings', dest='settings', action='append', default=[])
    parser.add_argument('files', nargs='*')
    options = parser.parse_args()
    options.extras, options.groups = words(options.extras), words(options.groups)
    names = words(options.toxenv) or ([options.default_env] if options.tox else [])
    options.environments = [Environment(name) for name in names]
    options.extras += [extra for one in options.environments for extra in one.lines('extras')]
    options.groups += [group for one in options.environments for group in one.lines('dependency_groups')]
    options.settings = parse_settings(options.settings)
    return options


def words(lists):
    return [word for one in lists for word in one.split(',') if word]


def parse_settings(texts):
    """Returns the settings of a backend; those given several times are lists."""
    settings = {}
    for text in texts:
        name, _, value = text.partition('=')
        before = settings.get(name)
        settings[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return settings


def read_pyproject():
    if not os.path.exists('pyproject.toml'):
        return {}
    with open('pyproject.toml', 'rb') as file:
        return tomllib.load(file)


def normalized(name):
    return re.sub('[-_.]+', '-', name).lower()


def group_requires(groups, name):
    """Returns the requirements of a dependency group (PEP 735), which may include others."""
    found = next((value for key, value in groups.items() if normalized(key) == normalized(name)), None)
    if found is None:
        sys.exit(f'%pyproject_buildrequires: no dependency group {name} in pyproject.toml')
    return [one for item in found for one in ([item] if isinstance(item, str) else group_requires(groups, item['include-group']))]


def file_requires(path):
    with open(path) as file:
        return listed_requires(file.read().replace('\\\n', ' ').splitlines(), os.path.dirname(path))


def listed_requires(lines, directory=''):
    """Returns the requirements of a file's lines and of the files that it includes; options of pip mean nothing here."""
    requires = []
    for line in lines:
        line = re.sub(r'(^|\s)#.*', '', line).strip()
        included = re.match(r'(?:-r|--requirement)[ =]?\s*(\S+)', line)
        if included:
            requires += file_requires(os.path.join(directory, included[1]))
        elif line and not line.startswith('-'):
            requires.append(re.sub(r'\s--\w.*', '', line))
    return requires


def static_requires(project):
    """Returns what [project] of pyproject.toml states, without asking the backend."""
    table = project.get('project', {})
    unknown = {'dependencies', 'optional-dependencies'}.intersection(table.get('dynamic', []))
    if not table or unknown:
        sys.exit('%pyproject_buildrequires -p: pyproject.toml leaves the requirements to its build backend: omit -p')
    return [
        *table.get('dependencies', []),
        *(with_extra(one, extra) for extra, all in table.get('optional-dependencies', {}).items() for one in all),
    ]


def with_extra(requirement, extra):
    text, _, marker = requirement.partition(';')
    condition = f"extra == '{normalized(extra)}'"
    return f'{text}; ({marker}) and {condition}' if marker else f'{text}; {condition}'


def load_backend(build_system):
    sys.path[:0] = build_system.get('backend-path', ['.'] if not build_system else [])
    module, _, attribute = build_system.get('build-backend', DEFAULT_BACKEND).partition(':')
    backend = importlib.import_module(module)
    for name in filter(None, attribute.split('.')):
        backend = getattr(backend, name)
    return backend


def quietly(call, *arguments):
    """Runs a backend's hook with its chatter on stderr: stdout is for dependencies."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        return call(*arguments)
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)


def runtime_requires(backend, options):
    hook = getattr(backend, 'prepare_metadata_for_build_wheel', None)
    with tempfile.TemporaryDirectory() as directory:
        if hook is None or options.wheel:
            wheel = quietly(backend.build_wheel, directory, options.settings)
            with zipfile.ZipFile(os.path.join(directory, wheel)) as archive:
                name = next(name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
                text = archive.read(name).decode()
        else:
            info = quietly(hook, directory, options.settings)
            with open(os.path.join(directory, info, 'METADATA')) as file:
                text = file.read()
    return email.parser.Parser().parsestr(text, headersonly=True).get_all('Requires-Dist', [])


def ask(requirements, extras):
    """Prints the requirements; returns whether all of them are met already."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        print('python3dist(packaging)')
        return False
    met = True
    environments = [{'extra': extra} for extra in ['', *map(normalized, extras)]]
    for requirement in map(Requirement, requirements):
        if requirement.marker and not any(requirement.marker.evaluate(one) for one in environments):
            continue
        print(dependency(requirement))
        met = met and is_met(requirement)
    return met


def dependency(requirement):
    name = f'python3dist({normalized(requirement.name)})'
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
