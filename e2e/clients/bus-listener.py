"""
Listens to the message bus with fedora-messaging and the message classes of copr-messaging, which validate each message. Prints one JSON
line for each; a message that is invalid is not printed. Usage: bus-listener.py CONFIGURATION
"""
import json
import sys

from copr_messaging.fedora import Consumer
from copr_messaging.schema import BuildChrootEnded
from fedora_messaging import api, config


class Printer(Consumer):
    def __call__(self, message):
        super().__call__(message)
        properties = message._properties
        print(json.dumps({
            "class": type(message).__name__,
            "topic": message.topic,
            "id": message.id,
            "severity": message.severity,
            "build": message.build_id,
            "chroot": message.chroot,
            "status": str(message.status) if isinstance(message, BuildChrootEnded) else None,
            "project": message.project_full_name,
            "package": message.package_full_name,
            "submitter": message.submitter,
            "users": message.usernames,
            "summary": message.summary,
            "headers": properties.headers,
            "delivery_mode": properties.delivery_mode,
            "content_type": properties.content_type,
        }), flush=True)

    def build_chroot_started(self, message):
        pass

    def build_chroot_ended(self, message):
        pass


config.conf.load_config(sys.argv[1])
print(json.dumps({"listening": True}), flush=True)
api.consume(Printer())
