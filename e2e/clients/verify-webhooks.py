"""
Verifies requests, given as a JSON list of [headers, body] on standard input, with the library of Standard Webhooks. Prints the types of
the events, in the same order. Usage: verify-webhooks.py SECRET
"""
import json
import sys

from standardwebhooks import Webhook

webhook = Webhook(sys.argv[1])
print(json.dumps([
    webhook.verify(body, headers)["type"] for headers, body in json.load(sys.stdin)
]))
