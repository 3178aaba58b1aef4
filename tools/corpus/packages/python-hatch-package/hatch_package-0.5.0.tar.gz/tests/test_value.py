import hatch_package


def test_value():
    assert hatch_package.VALUE == "hatched"
