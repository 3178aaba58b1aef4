"""What tests arrange through upstream's web forms and its backend's requests, done through the API and the control channel."""

import json
import re

from copr_common.enums import StatusEnum

from coprs.control import control


def submit(path, data, username):
    """Answers a POST request that is not for the API."""
    for pattern, handle in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match:
            return handle(*match.groups(), data=data, username=username)
    raise NotImplementedError(f"no counterpart of {path}")


def _new_project(owner, *, data, username):
    return _redirect(_api(f"/api_3/project/add/{owner}", data, username), failure=200)


def _new_package(owner, project, source, *, data, username):
    path = f"/api_3/package/add/{owner}/{project}/{data['package_name']}/{source}"
    return _redirect(_api(path, data, username))


def _update(*, data, username):
    del username
    for build in json.loads(data)["builds"]:
        state = StatusEnum(build["status"])
        if "chroot" not in build:
            control(
                "end_source",
                build=build["id"],
                state=state,
                package=build.get("pkg_name"),
                version=build.get("pkg_version"),
            )
            continue
        control(
            "end_chroot",
            build=build["id"],
            chroot=build["chroot"],
            state=state,
            result_dir=build["result_dir"],
        )
    return _response(200)


def _imported(*, data, username):
    del username
    control("end_import", build=json.loads(data)["build_id"])
    return _response(200)


_ROUTES = [
    (r"/coprs/([^/]+)/new/", _new_project),
    (r"/coprs/([^/]+)/([^/]+)/package/new/([a-z]+)", _new_package),
    (r"/backend/update/", _update),
    (r"/backend/import-completed/", _imported),
]


def _api(path, data, username):
    from coprs.client import send
    from coprs.models import User

    user = User.query.filter_by(username=username).one()
    headers = {"Content-Type": "application/json", "Authorization": user.authorization}
    return send("POST", path, json.dumps(data).encode(), headers)


def _redirect(answer, failure=None):
    if answer.status_code == 200:
        return _response(302)
    return _response(failure or answer.status_code, answer.data)


def _response(status_code, data=b""):
    from coprs.client import Response

    return Response(status_code, data)
