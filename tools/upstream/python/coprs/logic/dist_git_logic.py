"""The dist-git instance that exists from the start."""


class DistGitLogic:
    """Instances of dist-git."""

    @staticmethod
    def get_with_default():
        """Returns nothing: the tested system has its default instances."""
