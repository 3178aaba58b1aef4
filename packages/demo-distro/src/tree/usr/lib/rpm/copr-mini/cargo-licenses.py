"""Lists the crates that `cargo metadata` describes on standard input.

Prints `LICENSE: NAME vVERSION`; with --summary each license once; with --manifest `NAME vVERSION`, the notation of cargo-vendor.txt.
"""

import json
import sys

packages = json.load(sys.stdin)['packages']
lines = {
    '--summary': lambda one: one['license'] or 'unknown',
    '--manifest': lambda one: f'{one["name"]} v{one["version"]}' if one['source'] else None,
}.get(sys.argv[1] if sys.argv[1:] else '', lambda one: f'{one["license"] or "unknown"}: {one["name"]} v{one["version"]}')
print('\n'.join(sorted({line for line in map(lines, packages) if line})))
