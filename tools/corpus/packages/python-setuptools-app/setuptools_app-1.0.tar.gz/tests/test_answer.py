from setuptools_app import ANSWER


def test_answer():
    assert ANSWER == 42
