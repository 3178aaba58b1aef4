"""Reads environments of tox from tox.ini or setup.cfg: what builds need of it, without tox."""

import configparser
import os
import re

# factors such as `py{39,310}-!lint, docs`, which decide whether a line of a setting applies
CONDITION = re.compile(r'\s*!?[\w.{]+([-,]\s*!?[\w.{},]+)*')


class Environment:
    """An environment such as `py311-lint`: settings of [testenv:NAME], or else those of [testenv]."""

    def __init__(self, name):
        self.name = name
        self.config = configparser.ConfigParser(interpolation=None)
        self.config.read(['setup.cfg', 'tox.ini'])

    def lines(self, setting, **values):
        """Returns the lines of a setting that apply to the environment, with substitutions such as {posargs}."""
        return [self.substitute(line, values) for line in self.raw_lines(setting)]

    def raw_lines(self, setting):
        text = self.setting(f'testenv:{self.name}', setting)
        text = self.setting('testenv', setting) if text is None else text
        lines = []
        for line in (text or '').replace('\\\n', ' ').splitlines():
            condition, _, rest = line.partition(':')
            if rest.startswith(' ') and CONDITION.fullmatch(condition):
                line = rest if self.matches(condition) else ''
            if line.strip() and not line.strip().startswith('#'):
                lines.append(line.strip())
        return lines

    def matches(self, condition):
        """Whether one of the alternatives, separated by commas, names only factors of the environment."""
        factors = set(self.name.split('-'))
        return any(
            all((part.lstrip('!') in factors) != part.startswith('!') for part in alternative.strip().split('-'))
            for alternative in expand_braces(condition)
        )

    def setting(self, section, name):
        return self.config.get(section, name, fallback=None)

    def substitute(self, text, values):
        def value(match):
            name, _, default = match[1].partition(':')
            if name == 'env':
                variable, _, default = default.partition(':')
                return os.environ.get(variable, default)
            referred = re.fullmatch(r'\[([\w:]+)\](\w+)', match[1])
            if referred:
                return self.setting(*referred.groups()) or ''
            return values.get(name) or default

        previous = None
        while previous != text:
            previous, text = text, re.sub(r'(?<!\\)\{([^{}]+)\}', value, text)
        return text


def expand_braces(text):
    """Returns the alternatives of `py{39,310}-lint, docs`."""
    parts = re.split(r',(?![^{]*\})', text)
    alternatives = []
    for part in parts:
        match = re.search(r'\{([^{}]*)\}', part)
        if match is None:
            alternatives.append(part)
        else:
            alternatives += [
                one for choice in match[1].split(',') for one in expand_braces(part[: match.start()] + choice + part[match.end() :])
            ]
    return alternatives
