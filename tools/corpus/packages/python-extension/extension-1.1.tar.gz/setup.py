from setuptools import Extension, setup

setup(name="extension", version="1.1", ext_modules=[Extension("extension", ["extension.c"])])
