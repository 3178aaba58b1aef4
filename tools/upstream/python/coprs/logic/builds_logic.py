"""Stores built packages."""

from coprs.control import control


class BuildChrootResultsLogic:
    """Stores the packages of a chroot of a build."""

    @staticmethod
    def create_from_dict(build_chroot, results):
        """Stores the packages of a parsed results.json."""
        control(
            "add_packages",
            build=build_chroot.build.id,
            chroot=build_chroot.mock_chroot.name,
            packages=results["packages"],
        )
