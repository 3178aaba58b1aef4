"""Imports modules, to see that they can be imported.

usage: check-import.py [-t] [-e GLOB]... [-f FILE] [MODULE]...
"""

import argparse
import fnmatch
import importlib
import pathlib


def main():
    parser = argparse.ArgumentParser(prog='%py3_check_import')
    parser.add_argument('-t', '--top-level', action='store_true')
    parser.add_argument('-e', '--exclude', action='append', default=[])
    parser.add_argument('-f', '--file', action='append', default=[], type=pathlib.Path)
    parser.add_argument('modules', nargs='*')
    options = parser.parse_args()
    listed = [name for file in options.file for name in file.read_text().split()]
    given = [name for word in options.modules for name in word.split(',') if name]
    for name in dict.fromkeys([*listed, *given]):
        if options.top_level and '.' in name:
            continue
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in options.exclude):
            continue
        print('Check import:', name)
        importlib.import_module(name)


main()
