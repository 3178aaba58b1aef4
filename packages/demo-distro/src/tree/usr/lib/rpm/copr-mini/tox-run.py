"""Runs the commands of tox environments, with the Python of the build instead of virtual environments.

usage: tox-run.py --default-env NAME [-e NAME,...] [-- POSARG...]
"""

import argparse
import os
import shlex
import subprocess
import sys

from tox_config import Environment


def main():
    parser = argparse.ArgumentParser(prog='%tox')
    parser.add_argument('--default-env', required=True)
    parser.add_argument('-e', '--env')
    parser.add_argument('posargs', nargs='*')
    options = parser.parse_args()
    for name in (options.env or options.default_env).split(','):
        run(Environment(name), options.posargs)


def run(environment, posargs):
    values = {
        'posargs': shlex.join(posargs),
        'envname': environment.name,
        'envpython': sys.executable,
        'toxinidir': os.getcwd(),
        'tox_root': os.getcwd(),
        'envtmpdir': os.environ.get('TMPDIR', '/tmp'),
        '/': '/',
    }
    variables = dict(os.environ)
    for line in [*environment.lines('setenv', **values), *environment.lines('set_env', **values)]:
        name, _, value = line.partition('=')
        variables[name.strip()] = value.strip()
    commands = [line for setting in ('commands_pre', 'commands', 'commands_post') for line in environment.lines(setting, **values)]
    if not commands:
        sys.exit(f'%tox: the environment {environment.name} has no commands in tox.ini or setup.cfg')
    for command in commands:
        words = shlex.split(command.lstrip('- '))
        print(f'{environment.name}: {shlex.join(words)}', flush=True)
        if words[0] in ('python', 'python3'):
            words[0] = sys.executable
        code = subprocess.run(words, env=variables).returncode
        if code != 0 and not command.startswith('-'):
            sys.exit(code)


main()
