import unittest

import legacy_module


class Text(unittest.TestCase):
    def test_text(self):
        self.assertEqual(legacy_module.text(), "legacy data")
