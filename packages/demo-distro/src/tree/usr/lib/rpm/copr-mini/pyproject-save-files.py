"""Writes the list of the files that a wheel has installed below a build root, for `%files -f`, and that of its modules."""

import argparse
import email.parser
import os
import pathlib
import sys

SUFFIXES = ('.py', '.so')
MAN_PAGES = '/usr/share/man/man'


def main():
    parser = argparse.ArgumentParser(prog='%pyproject_save_files')
    parser.add_argument('--buildroot', required=True)
    parser.add_argument('--sitelib', required=True)
    parser.add_argument('--output', required=True, type=pathlib.Path)
    parser.add_argument('--cache-tag')
    parser.add_argument('-a', '--auto', action='store_true')
    parser.add_argument('-l', '--assert-license', action='store_true')
    parser.add_argument('-L', '--no-assert-license', dest='assert_license', action='store_false')
    parser.add_argument('-M', '--allow-no-modules', action='store_true')
    parser.add_argument('modules', nargs='*')
    options = parser.parse_args()
    patterns = [word for word in options.modules if word != '+auto']
    if bool(patterns) == options.allow_no_modules:
        parser.error('expected the names of modules, or -M if there are none')
    save(options, patterns, len(patterns) < len(options.modules) or options.auto)


def save(options, patterns, with_others):
    site = pathlib.Path(options.buildroot + options.sitelib)
    chosen = [path for pattern in patterns for path in find_modules(site, pattern)]
    infos = sorted(site.glob('*.dist-info'))
    licenses = {path for info in infos for path in license_files(info)}
    if options.assert_license and not licenses:
        sys.exit(f'%pyproject_save_files: no license file in {", ".join(info.name for info in infos) or "any wheel"}')
    paths = [*parents(site, chosen), *chosen, *bytecode(chosen, options.cache_tag)]
    lines = ['%dir ' * (path in parents(site, chosen)) + installed(path, options) for path in paths]
    for info in infos:
        lines += list_info(info, licenses, options)
    if with_others:
        lines += other_files(options)
    options.output.write_text(''.join(f'{line}\n' for line in dict.fromkeys(lines)))
    names = sorted({name for path in chosen for name in module_names(site, path)})
    pathlib.Path(f'{options.output}.modules').write_text(''.join(f'{name}\n' for name in names))


def find_modules(site, pattern):
    """Returns the packages and modules of a name such as `own`, `own.sub` or `own_*`."""
    path = pattern.replace('.', '/')
    found = [one for one in site.glob(path) if one.is_dir() and one.name != '__pycache__' and one.suffix != '.dist-info']
    found += [one for suffix in SUFFIXES for one in {*site.glob(path + suffix), *site.glob(f'{path}.*{suffix}')}]
    if not found:
        sys.exit(f'%pyproject_save_files: no module {pattern} in {site}')
    return sorted(found)


def parents(site, chosen):
    """Returns the directories of the packages that contain the chosen modules, outermost first."""
    return list(dict.fromkeys(one for path in chosen for one in reversed(path.parents) if site in one.parents))


def bytecode(chosen, cache_tag):
    """Returns the bytecode that rpmbuild compiles after %install, of modules that are not in a chosen package."""
    return [
        path.parent / '__pycache__' / f'{path.stem}.{cache_tag}{level}.pyc'
        for path in chosen
        if path.suffix == '.py' and cache_tag is not None
        for level in ('', '.opt-1')
    ]


def license_files(info):
    metadata = email.parser.Parser().parsestr((info / 'METADATA').read_text(), headersonly=True)
    named = [folder / name for name in metadata.get_all('License-File', []) for folder in (info, info / 'licenses')]
    return [path for path in named if path.is_file()]


def list_info(info, licenses, options):
    lines = []
    for path in [info, *sorted(info.rglob('*'))]:
        mark = '%dir ' if path.is_dir() else '%license ' if path in licenses else ''
        lines.append(mark + installed(path, options))
    return lines


def other_files(options):
    """Returns the files outside of the modules, such as commands and man pages, which rpmbuild compresses."""
    found = []
    for folder, _, names in os.walk(options.buildroot):
        found += [os.path.join(folder, name)[len(options.buildroot) :] for name in names]
    others = sorted(path for path in found if not path.startswith(f'{options.sitelib}/'))
    return [f'{path.removesuffix(".gz")}*' if path.startswith(MAN_PAGES) else path for path in others]


def installed(path, options):
    return str(path)[len(options.buildroot) :]


def module_names(site, path):
    """Returns the names of a module, or of a package and all its modules, except private ones."""
    files = [path] if path.is_file() else [one for one in path.rglob('*') if one.suffix in SUFFIXES]
    names = []
    for file in files:
        parts = [*file.relative_to(site).parent.parts, file.name.split('.')[0]]
        parts = parts[:-1] if parts[-1] == '__init__' else parts
        if all(part.isidentifier() for part in parts) and not any(part.startswith('_') for part in parts[1:]):
            names.append('.'.join(parts))
    return names


main()
