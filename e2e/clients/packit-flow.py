"""
Works through a day of Packit with its own CoprHelper: reuses a project of somebody else, asks for the roles that it lacks, builds from a
custom source, follows the build by polling, and reads its results as Testing Farm does. Prints what it saw as JSON.
"""

import importlib.abc
import importlib.machinery
import json
import logging
import re
import sys
import time
from unittest.mock import MagicMock

import requests

# Packages that packit imports for other parts of its work. Several of them need compilers, or the services of Fedora.
STUBBED = {
    "click",
    "fedora_distro_aliases",
    "git",
    "lazy_object_proxy",
    "ogr",
    "opensuse_distro_aliases",
}


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] not in STUBBED:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock()
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Stubs())

import packit.copr_helper
from copr.v3 import Client, CoprAuthException
from packit.copr_helper import CoprHelper
from packit.exceptions import PackitCoprSettingsException

step, config, owner, project, chroot = sys.argv[1:]


class Helper(CoprHelper):
    def get_copr_client(self):
        client = Client.create_from_config_file(config)
        # watch_copr_build() polls without a pause while the state stays the same.
        get = client.build_proxy.get
        client.build_proxy.get = lambda *args: (time.sleep(0.3), get(*args))[1]
        return client


logging.disable()
helper = Helper(upstream_local_project=None)
client = helper.copr_client

SCRIPT = """#!/bin/sh
cat > packit-made.spec <<'EOF'
Name: packit-made
Version: 1
Release: 1
Summary: Made by a script
License: MIT
BuildArch: noarch
%description
Made by a script.
%files
EOF
"""


def reuse(**changes):
    """What packit-service does before each build."""
    helper.create_or_update_copr_project(
        project=project,
        chroots=[chroot],
        owner=owner,
        list_on_homepage=None,
        preserve_project=None,
        **changes,
    )


def submit(**buildopts):
    return client.build_proxy.create_from_custom(
        ownername=owner,
        projectname=project,
        script=SCRIPT,
        script_chroot=chroot,
        buildopts={"chroots": [chroot], "enable_net": False, **buildopts},
    )


def refused(exception, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except exception as error:
        return str(error)
    return None


def ask():
    """The first contact: packit has no role in the project."""
    answers = {"reused": refused(Exception, reuse)}
    answers["not_admin"] = refused(
        PackitCoprSettingsException,
        reuse,
        description="Changed by packit",
        request_admin_if_needed=True,
    )
    answers["not_builder"] = refused(CoprAuthException, submit)
    client.project_proxy.request_permissions(owner, project, {"builder": True})
    answers["permissions_page"] = helper.get_copr_settings_url(
        owner, project, section="permissions"
    )
    return answers


def logs_of(result_url):
    """Reads a log as Testing Farm and Log Detective do: requests decodes it by its headers."""
    response = requests.get(f"{result_url.rstrip('/')}/builder-live.log.gz", timeout=30)
    return response.content.decode("utf-8") if response.ok else response.status_code


def build():
    """After the owner has approved the role of a builder."""
    answers = {
        "forge_refused": refused(
            CoprAuthException, submit, packit_forge_project="github.com/x/y"
        )
    }
    # The pause after each change of the state.
    packit.copr_helper.time.sleep = lambda _seconds, sleep=time.sleep: sleep(0.2)
    submitted = submit(packit_forge_project="github.com/packit/ogr")
    reports = []
    answers["state"] = helper.watch_copr_build(
        submitted.id, timeout=900, report_func=lambda state, description, **_: reports.append(state)
    )
    answers["reports"] = reports
    answers["build_state"] = helper.get_build(submitted.id).state
    answers["build_page"] = requests.get(
        helper.copr_web_build_url(submitted), timeout=30
    ).status_code
    answers["canceled_when_finished"] = helper.cancel_build(submitted.id)
    source = client.build_proxy.get_source_chroot(submitted.id)
    answers["source_log"] = logs_of(source.result_url)
    built = client.build_chroot_proxy.get(submitted.id, chroot)
    log = logs_of(built.result_url)
    answers["log"] = log
    names = re.findall(r"Wrote: /builddir/build/S?RPMS/(.*\.rpm)", str(log))
    answers["rpms"] = {
        name: requests.head(f"{built.result_url}{name}", timeout=30).status_code
        for name in names
    }
    packages = client.build_chroot_proxy.get_built_packages(submitted.id, chroot).packages
    answers["packages"] = [f"{each['name']}.{each['arch']}" for each in packages]
    answers["repository"] = helper.get_repo_download_url(owner, project, chroot)
    return answers


print(json.dumps({"ask": ask, "build": build}[step]()))
