"""Prints the crates that the Cargo.toml of this directory requires, as crate(NAME) in rpm's notation."""

import re
import sys
import tomllib


def bounds(name, text):
    """Cargo's requirement `1.2` allows every version up to the next that may be incompatible."""
    match = re.fullmatch(r'\s*(\^|~|=|>=|<=|>|<)?\s*([0-9.]+)[^,]*', text)
    if not match:
        return name
    operator, version = match[1] or '^', match[2].rstrip('.')
    if operator not in ('^', '~'):
        return f'{name} {operator} {version}'
    parts = [int(part) for part in version.split('.')]
    last = next((i for i, part in enumerate(parts) if part), len(parts) - 1)
    if operator == '~':
        last = min(1, len(parts) - 1)
    upper = '.'.join(str(part) for part in [*parts[:last], parts[last] + 1])
    return f'({name} >= {version} with {name} < {upper}~)'


with open('Cargo.toml', 'rb') as file:
    manifest = tomllib.load(file)
print('cargo-rpm-macros')
tables = ['dependencies', 'build-dependencies'] + (['dev-dependencies'] if '--tests' in sys.argv else [])
for table in tables:
    for key, value in manifest.get(table, {}).items():
        options = {'version': value} if isinstance(value, str) else value
        if options.get('optional') or 'path' in options:
            continue
        print(bounds(f'crate({options.get("package", key)})', options.get('version', '*')))
