"""Writes the file list of the wheels installed below a build root, for `%files -f`.

usage: pyproject-save-files.py BUILDROOT SITELIB LIST [--with-scripts] MODULE...
       pyproject-save-files.py --import LIST.modules
"""

import fnmatch
import importlib
import pathlib
import sys


def save(buildroot, sitelib, target, *rest):
    with_scripts = '--with-scripts' in rest
    patterns = [word for word in rest if not word.startswith(('-', '+'))]
    root = pathlib.Path(buildroot + sitelib)
    tops = {entry.name: entry for entry in root.iterdir() if entry.name != '__pycache__'}
    modules = {name: path for name, path in tops.items() if not name.endswith('.dist-info')}
    unmatched = [one for one in patterns if not any(fnmatch.fnmatchcase(module_name(name), one) for name in modules)]
    if unmatched:
        sys.exit(f'pyproject-save-files: no module named {", ".join(unmatched)} in {sitelib}')
    chosen = [path for name, path in modules.items() if any(fnmatch.fnmatchcase(module_name(name), one) for one in patterns)]
    lines = []
    for path in [*chosen, *(path for name, path in tops.items() if name.endswith('.dist-info'))]:
        lines += entries(path, root, sitelib)
    if with_scripts or '+auto' in rest:
        scripts = pathlib.Path(buildroot + '/usr/bin')
        lines += [f'/usr/bin/{entry.name}' for entry in sorted(scripts.glob('*'))]
    pathlib.Path(target).write_text('\n'.join(lines) + '\n')
    pathlib.Path(target + '.modules').write_text('\n'.join(sorted({module_name(path.name) for path in chosen})) + '\n')


def module_name(file_name):
    return file_name.split('.')[0]


def entries(path, root, sitelib):
    if not path.is_dir():
        cached = f'{sitelib}/__pycache__/{path.stem}.*.pyc'
        return [f'{sitelib}/{path.name}', *([cached] if list((root / '__pycache__').glob(f'{path.stem}.*.pyc')) else [])]
    # RECORD contains paths of the build root, and INSTALLER names pip: the package manager is rpm here
    for name in ('RECORD', 'REQUESTED', 'direct_url.json'):
        (path / name).unlink(missing_ok=True) if path.name.endswith('.dist-info') else None
    return [f'{sitelib}/{path.name}']


def check_imports(target):
    for name in pathlib.Path(target).read_text().split():
        importlib.import_module(name)


if sys.argv[1] == '--import':
    check_imports(sys.argv[2])
else:
    save(*sys.argv[1:])
