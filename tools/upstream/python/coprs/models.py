"""
Objects with the names and attributes of upstream's tables.

New ones are made in the tested system when they are flushed. An attribute that a test did not set is read from the answers of the API, each
time anew.
"""

import base64
import json

from copr_common.enums import StatusEnum

from coprs.control import control


class Query:
    """Finds objects of a class."""

    def __init__(self, found):
        self._found = found

    def filter_by(self, **attributes):
        """Keeps the objects with these attributes."""
        return Query(
            [
                each
                for each in self._found
                if all(getattr(each, name) == value for name, value in attributes.items())
            ]
        )

    def order_by(self, _newest_first):
        """Reverses the order of creation, the only order that tests ask for."""
        return Query(self._found[::-1])

    def all(self):
        """Returns all objects."""
        return self._found

    def first(self):
        """Returns the first object, or None."""
        return self._found[0] if self._found else None

    def one(self):
        """Returns the only object."""
        assert len(self._found) == 1, f"{len(self._found)} objects"
        return self._found[0]


class _QueryOfClass:
    def __get__(self, _instance, cls):
        return Query(cls.find_all())


class Model:
    """An object of a table."""

    known = []
    query = _QueryOfClass()

    def __init__(self, **attributes):
        self.__dict__["made"] = {}
        for name, value in attributes.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        if name.startswith("_") or name == "id":
            raise AttributeError(name)
        return self.read(name)

    def read(self, name):
        """Reads an attribute from the tested system."""
        raise AttributeError(f"{type(self).__name__}.{name} is in no answer of the API")

    def cascade(self):
        """Objects that are added together with this one."""
        return []

    def flush(self):
        """Makes the object if it is new, or applies changes."""
        attributes = {
            name: value for name, value in self.__dict__.items() if name not in ("id", "made")
        }
        if "id" not in self.__dict__:
            self.__dict__["id"] = self.make()
            type(self).known.append(self)
        else:
            changed = {
                name: value
                for name, value in attributes.items()
                if not isinstance(value, list)
                and (name not in self.made or self.made[name] != value)
            }
            if changed:
                self.change(changed)
        self.__dict__["made"] = {
            name: value for name, value in attributes.items() if not isinstance(value, list)
        }

    def make(self):
        """Makes the object; returns its id."""
        raise NotImplementedError(type(self).__name__)

    def change(self, _changed):
        """Applies changed attributes."""

    @classmethod
    def find_all(cls):
        """Returns all objects, in the order of creation."""
        return cls.known

    @classmethod
    def get(cls, number):
        """Returns the object with this id, or None."""
        return next((each for each in cls.find_all() if each.id == number), None)

    def given(self, *names):
        """Returns the attributes that were set, of these names."""
        return {name: self.__dict__[name] for name in names if name in self.__dict__}


class User(Model):
    """A user with a classic token."""

    known = []

    def make(self):
        user = control(
            "add_user",
            username=self.username,
            email=self.mail,
            is_admin=self.__dict__.get("admin", False),
        )
        if "api_login" in self.__dict__:
            control("set_token", user=user, login=self.api_login, token=self.api_token)
        return user

    @property
    def name(self):
        """The user's name, as in URLs."""
        return self.username

    @property
    def authorization(self):
        """The header with the user's token; a user whom the test gave none gets one here."""
        if "api_login" not in self.__dict__:
            self.api_login, self.api_token = f"login-of-{self.username}", "token"
            control("set_token", user=self.id, login=self.api_login, token=self.api_token)
        pair = f"{self.api_login}:{self.api_token}".encode()
        return "Basic " + base64.b64encode(pair).decode()


class DistGitBranch(Model):
    """A branch: only its name matters."""

    known = []

    def make(self):
        return len(DistGitBranch.known) + 1


class DistGitInstance(Model):
    """A dist-git from which packages are built by name."""

    known = []

    def make(self):
        path = self.clone_package_uri.replace("{pkgname}", "{name}")
        control(
            "add_distgit",
            name=self.name,
            clone_url=f"{self.clone_url}/{path}",
            priority=int(self.priority),
        )
        return len(DistGitInstance.known) + 1


class MockChroot(Model):
    """A chroot of the site."""

    known = []

    @property
    def name(self):
        """The whole name."""
        return f"{self.os_release}-{self.os_version}-{self.arch}"

    def make(self):
        return control(
            "add_chroot",
            name=self.name,
            comment=self.__dict__.get("comment", ""),
            is_active=self.is_active,
        )


class _CoprChroots(list):
    def __init__(self, copr):
        super().__init__()
        self._copr = copr

    def append(self, chroot):
        chroot.__dict__["copr"] = self._copr
        super().append(chroot)


class Copr(Model):
    """A project."""

    known = []

    def __init__(self, **attributes):
        self.__dict__["copr_chroots"] = _CoprChroots(self)
        super().__init__(**attributes)

    @property
    def owner_name(self):
        """The owner in URLs."""
        return self.user.username

    @property
    def full_name(self):
        """Owner and name."""
        return f"{self.owner_name}/{self.name}"

    @property
    def active_chroots(self):
        """The chroots that builds use."""
        if "chroot_names" in self.__dict__:
            return [_Named(name) for name in self.chroot_names]
        return [each.mock_chroot for each in self.copr_chroots if each.mock_chroot.is_active]

    @property
    def active_copr_chroots(self):
        """The settings of those chroots."""
        return CoprChroot.find_all_of(self)

    def cascade(self):
        return self.copr_chroots

    def make(self):
        return control(
            "add_project",
            user=self.user.id,
            owner=self.owner_name,
            name=self.name,
            **self.given("description"),
            runtime_dependencies=self.__dict__.get("runtime_dependencies", "").split(),
            packit=self.__dict__.get("packit_forge_projects_allowed", "").split(),
        )

    def change(self, changed):
        names = ("multilib", "module_hotfixes", "delete_after")
        fields = {name: _plain(changed[name]) for name in names if name in changed}
        if fields:
            control("set_project", project=self.id, fields=fields)

    def read(self, name):
        if name in ("fedora_review", "delete_after_days"):
            return control("project", project=self.id)[name]
        path = f"/api_3/project?ownername={self.owner_name}&projectname={self.name}"
        return _field(_get(path), name, self)

    @classmethod
    def find_all(cls):
        return [
            _one_of(cls, row["id"])
            or _wrap(
                cls,
                row["id"],
                name=row["name"],
                user=next(each for each in User.known if each.username == row["ownername"]),
                chroot_names=row["chroots"],
            )
            for row in control("projects")
        ]


class CoprDir(Model):
    """A directory of a project; the main one exists already."""

    known = []

    def make(self):
        return control("dir_of", project=self.copr.id, name=self.name)


class CoprChroot(Model):
    """The settings of a chroot in a project."""

    known = []

    def __setattr__(self, name, value):
        if name == "copr":
            value.copr_chroots.append(self)
        else:
            self.__dict__[name] = value

    @property
    def name(self):
        """The chroot's name."""
        return self.mock_chroot.name

    def make(self):
        control("enable_chroot", project=self.copr.id, chroot=self.name)
        return len(CoprChroot.known) + 1

    def change(self, changed):
        if "delete_after" in changed:
            control(
                "remove_chroot",
                project=self.copr.id,
                chroot=self.name,
                delete_after=_plain(self.delete_after),
            )

    def read(self, name):
        where = f"ownername={self.copr.owner_name}&projectname={self.copr.name}&chrootname={self.name}"
        if name == "bootstrap":
            return _get(f"/api_3/project-chroot/build-config?{where}").get("bootstrap")
        found = _get(f"/api_3/project-chroot?{where}")
        if name == "buildroot_pkgs":
            return " ".join(_field(found, "additional_packages", self)) or None
        if name == "module_toggle":
            return ", ".join(_field(found, "additional_modules", self)) or None
        return _field(found, name, self)

    @classmethod
    def find_all_of(cls, copr):
        """Returns the chroots of a project."""
        return [each for each in cls.find_all() if each.copr.id == copr.id]

    @classmethod
    def find_all(cls):
        if cls.known:
            return cls.known
        found = []
        for copr in Copr.find_all():
            for name in copr.chroot_names:
                chroot = _wrap(cls, len(found) + 1, mock_chroot=_Named(name))
                chroot.__dict__["copr"] = copr
                found.append(chroot)
        return found


class CoprPermission(Model):
    """What a user may do in a project of somebody else."""

    known = []

    def make(self):
        control(
            "set_permission",
            project=self.copr.id,
            user=self.user.id,
            admin=self.copr_admin,
            builder=self.copr_builder,
        )
        return len(CoprPermission.known) + 1


class Package(Model):
    """A package of a project."""

    known = []

    def make(self):
        return control("add_package", project=self.copr.id, name=self.name)


class Build(Model):
    """A build."""

    known = []

    def __init__(self, **attributes):
        self.__dict__["build_chroots"] = []
        super().__init__(**attributes)

    def cascade(self):
        return self.build_chroots

    def make(self):
        status = self.__dict__.get("source_status")
        return control(
            "add_build",
            project=self.copr.id,
            dir=self.copr_dir.id,
            user=self.user.id,
            package=self.package.id if "package" in self.__dict__ else None,
            submitted_on=self.submitted_on,
            source_state="pending" if status is None else StatusEnum(status),
        )

    def read(self, name):
        if name in ("package", "copr"):
            return self.related(name)
        found = _get(f"/api_3/build/{self.id}")
        if name == "chroots":
            return [_Named(each) for each in found["chroots"]]
        return _field(found, name, self)

    def related(self, name):
        """Returns the package or the project of a build that the tested system made."""
        row = control("build", build=self.id)
        return _Named(row["package"]) if name == "package" else Copr.get(row["project"])

    @classmethod
    def find_all(cls):
        found = []
        for row in control("builds"):
            build = _one_of(cls, row["id"]) or _wrap(cls, row["id"])
            if not build.build_chroots:
                build.__dict__["build_chroots"] = [
                    _wrap(
                        BuildChroot,
                        number,
                        build=build,
                        mock_chroot=next(
                            each for each in MockChroot.known if each.name == chroot
                        ),
                    )
                    for number, chroot in enumerate(row["chroots"], 1)
                ]
            found.append(build)
        return found


class BuildChroot(Model):
    """A chroot of a build."""

    known = []

    def __setattr__(self, name, value):
        self.__dict__[name] = value
        if name == "build":
            value.build_chroots.append(self)

    def make(self):
        status = self.__dict__.get("status")
        return control(
            "add_build_chroot",
            build=self.build.id,
            chroot=self.mock_chroot.name,
            state="waiting" if status is None else StatusEnum(status),
            **self.given("result_dir", "started_on", "ended_on"),
        )

    @property
    def build_id(self):
        """The id of its build."""
        return self.build.id

    @classmethod
    def find_all(cls):
        return [chroot for build in Build.find_all() for chroot in build.build_chroots]


ORDER = [
    User,
    DistGitBranch,
    DistGitInstance,
    MockChroot,
    Copr,
    CoprDir,
    CoprChroot,
    CoprPermission,
    Package,
    Build,
    BuildChroot,
]


class _Named:
    def __init__(self, name):
        self.name = name


def _wrap(cls, number, **attributes):
    """Returns an object that the tested system made."""
    wrapped = cls.__new__(cls)
    wrapped.__dict__["made"] = {}
    if cls is Build:
        wrapped.__dict__["build_chroots"] = []
    wrapped.__dict__["id"] = number
    wrapped.__dict__.update(attributes)
    return wrapped


def _one_of(cls, number):
    return next((each for each in cls.known if each.id == number), None)


def _get(path):
    from coprs.client import send

    answer = send("GET", path)
    assert answer.status_code == 200, f"{path} answered {answer.status_code}: {answer.data}"
    return json.loads(answer.data)


def _field(answer, name, owner):
    if name not in answer:
        raise AttributeError(f"{type(owner).__name__}.{name} is in no answer of the API")
    return answer[name]


def _plain(value):
    return value.astimezone().isoformat() if hasattr(value, "isoformat") else value
