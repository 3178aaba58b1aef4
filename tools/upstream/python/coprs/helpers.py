"""Enumerations of the frontend: stored here by name."""

from copr_common.enums import BuildSourceEnum  # noqa: F401


def PermissionEnum(name):  # pylint: disable=invalid-name
    """Returns the state's name."""
    return name
