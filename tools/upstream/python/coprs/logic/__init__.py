"""The frontend's logic that tests use to arrange objects."""
