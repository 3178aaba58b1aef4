"""Moves files out of a directory that a build has written to, into one of the agent's own.

The build may have left links, devices, pipes and millions of files: nothing is opened by a path that it could have changed, and
links are neither followed nor moved. No process of the build may be running.

Standard input: {"root", "folder", "suffix", "target", "max_files"} as JSON; `folder` is relative to `root`, which the build cannot
replace. Standard output: {"names": […]} or {"refused": …}.
"""

import json
import os
import stat
import sys

from beneath import open_beneath


def take(plan):
    folder, suffix = plan['folder'], plan['suffix']
    root = os.open(plan['root'], os.O_PATH | os.O_DIRECTORY)
    target = os.open(plan['target'], os.O_PATH | os.O_DIRECTORY)
    name = os.path.basename(folder)
    try:
        source = open_beneath(root, folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return {'refused': f'the build removed its {name} folder'}
    except OSError:
        return {'refused': f'the build replaced its {name} folder with a link or a file'}
    names = []
    with os.scandir(source) as entries:
        for entry in entries:
            if not entry.name.endswith(suffix) or not entry.is_file(follow_symlinks=False):
                continue
            if not entry.name.isprintable() or '/' in entry.name or entry.name.startswith('-'):
                return {'refused': f'the build left a file named {json.dumps(entry.name)} in its {name} folder'}
            names.append(entry.name)
            if len(names) > plan['max_files']:
                return {'refused': f'the build left more than {plan["max_files"]} files in its {name} folder'}
    for one in names:
        os.rename(one, one, src_dir_fd=source, dst_dir_fd=target)
        file = open_beneath(target, one, os.O_RDONLY)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f'{one} has changed')
        os.fchown(file, 0, 0)
        os.fchmod(file, 0o600)
        os.close(file)
    return {'names': sorted(names)}


json.dump(take(json.load(sys.stdin)), sys.stdout)
