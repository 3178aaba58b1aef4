"""Calls the functions of python-copr that copr-cli does not use; prints the results as JSON."""

import json
import sys

from copr.v3 import Client
from copr.v3.helpers import succeeded, wait
from copr.v3.pagination import next_page

config, owner, project, chroot, srpm = sys.argv[1:]
client = Client.create_from_config_file(config)
answers = {
    "home": client.base_proxy.home(),
    "auth_check": client.base_proxy.auth_check(),
    "search": [p.full_name for p in client.project_proxy.search(project)],
    "can_build_in": client.project_proxy.can_build_in("kim", owner, project),
}
builds = [
    client.build_proxy.create_from_file(owner, project, srpm) for _ in range(3)
]
done = wait(builds, interval=1, timeout=120)
first = builds[0].id
answers["succeeded"] = succeeded(done)
answers["source_chroot"] = client.build_proxy.get_source_chroot(first)
answers["source_build_config"] = client.build_proxy.get_source_build_config(first)
answers["build_chroot"] = client.build_chroot_proxy.get(first, chroot)
answers["build_config"] = client.build_chroot_proxy.get_build_config(first, chroot)
answers["built_packages"] = client.build_chroot_proxy.get_built_packages(first, chroot)

page = client.build_proxy.get_list(owner, project, pagination={"limit": 1})
pages = []
while page:
    pages.append([build.id for build in page])
    page = next_page(page)
answers["submitted"] = [build.id for build in builds]
answers["pages"] = pages
answers["deleted"] = client.build_proxy.delete(first)


def plain(value):
    """Returns the value without the HTTP responses that the client adds to it."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


print(json.dumps(plain(answers)))
