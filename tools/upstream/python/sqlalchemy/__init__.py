"""The two functions with which the checkout's test case writes queries."""


def desc(column):
    """Marks a column for descending order: Query.order_by() understands it."""
    return ("desc", column)


def text(statement):
    """Returns SQL as it is: the stand-in database ignores it."""
    return statement
