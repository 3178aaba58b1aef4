from packaging.version import Version

from . import ANSWER


def main():
    print(ANSWER, Version("1.10") > Version("1.9"))
