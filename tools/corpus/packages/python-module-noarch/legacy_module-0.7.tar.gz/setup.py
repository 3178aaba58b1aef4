from setuptools import setup

setup(name="legacy_module", version="0.7", packages=["legacy_module"], package_data={"legacy_module": ["data.txt"]}, scripts=["legacy-script"], install_requires=["packaging>=20,!=20.1"])
