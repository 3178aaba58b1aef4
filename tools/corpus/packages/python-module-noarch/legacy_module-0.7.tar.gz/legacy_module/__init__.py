import os


def text():
    with open(os.path.join(os.path.dirname(__file__), "data.txt")) as file:
        return file.read().strip()
