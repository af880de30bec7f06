"""A typical Python service: pika, one topic exchange, JSON bodies, and no properties.

usage: python service.py <amqp url>

The test writes commands as lines of JSON to the standard input. The service writes the end of each command and each
received message to the standard output. It ends with its input.
"""

import base64
import datetime
import decimal
import json
import sys
import threading

import pika
from cloudevents.core.bindings import amqp, rabbitmq
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

EXCHANGE = "domain_events"

# The AMQP names of the properties, as in the other services.
PROPERTIES = {
    "content_type": "contentType",
    "content_encoding": "contentEncoding",
    "delivery_mode": "deliveryMode",
    "priority": "priority",
    "correlation_id": "correlationId",
    "reply_to": "replyTo",
    "expiration": "expiration",
    "message_id": "messageId",
    "timestamp": "timestamp",
    "type": "type",
    "user_id": "userId",
    "app_id": "appId",
    "cluster_id": "clusterId",
}


class EventBus:
    def __init__(self, url):
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)

    def publish(self, event):
        self.channel.basic_publish(EXCHANGE, event["type"], json.dumps(event))

    def subscribe(self, queue, pattern, handle):
        self.channel.queue_declare(queue, durable=True)
        self.channel.queue_bind(queue, EXCHANGE, pattern)
        self.consume(queue, handle)

    def consume(self, queue, handle):
        def on_message(channel, method, properties, body):
            handle(method, properties, body)
            channel.basic_ack(method.delivery_tag)

        self.channel.basic_consume(queue, on_message)


# A header of every Python type that pika writes.
ODD_HEADERS = {
    "x-bool": True,
    "x-int32": 70000,
    "x-int64": 5000000000,
    "x-decimal": decimal.Decimal("19.95"),
    "x-timestamp": datetime.datetime(2025, 11, 24, 16, 0, tzinfo=datetime.timezone.utc),
    "x-text": "größer",
    "x-bytes": b"\x00\xff\x07",
    "x-list": ["a", 1, [True, None]],
    "x-table": {"inner": {"deeper": "still"}},
    "x-null": None,
}


def received(queue):
    def handle(method, properties, body):
        event = instant = None
        try:
            event = json.loads(body)
            at = datetime.datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
            instant = at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        except (ValueError, KeyError, TypeError):
            pass  # A dead letter may not be JSON.
        values = {ours: getattr(properties, name) for name, ours in PROPERTIES.items()}
        write_line({
            "received": {
                "queue": queue,
                "exchange": method.exchange,
                "key": method.routing_key,
                "body": body.hex(),
                "event": event,
                "instant": instant,
                "properties": {name: value for name, value in values.items() if value is not None},
                "headers": properties.headers,
            }
        })

    return handle


def cloud_event(command):
    attributes = dict(command["attributes"])
    attributes["time"] = datetime.datetime.fromisoformat(attributes["time"])
    return CloudEvent(attributes, command["data"])


def written(form, event):
    """Returns the headers, the content type and the body that the CloudEvents library writes for an event."""
    binding, mode = form.split()
    if binding == "amqp":
        # This binding is for AMQP 1.0, whose application properties become headers.
        message = getattr(amqp, f"to_{mode}")(event, JSONFormat())
        return message.application_properties, message.properties.get("content-type"), message.application_data
    message = getattr(rabbitmq, f"to_{mode}")(event, JSONFormat())
    return message.headers, message.content_type, message.body


def as_json(value):
    """Returns a value that JSON cannot express, with its type."""
    if isinstance(value, bytes):
        return {"bytes": base64.b16encode(value).decode()}
    return {type(value).__name__: str(value)}


def write_line(line):
    print(json.dumps(line, default=as_json), flush=True)


def execute(bus, command):
    do = command["do"]
    if do == "subscribe":
        bus.subscribe(command["queue"], command["pattern"], received(command["queue"]))
    elif do == "consume":
        bus.consume(command["queue"], received(command["queue"]))
    elif do == "publish":
        bus.publish(command["event"])
    elif do == "send":
        # Publishes a message with properties. `body` is in hexadecimal.
        options = command.get("options", {})
        headers = options.pop("headers", {}) | (ODD_HEADERS if command.get("oddHeaders") else {})
        if "CC" in options:
            headers["CC"] = options.pop("CC")
        properties = pika.BasicProperties(headers=headers or None)
        for name, ours in PROPERTIES.items():
            setattr(properties, name, options.pop(ours, None))
        if options:
            raise ValueError(f"no options {options}")
        bus.channel.basic_publish(EXCHANGE, command["key"], bytes.fromhex(command["body"]), properties)
    elif do == "publishCloudEvent":
        headers, content_type, body = written(command["form"], cloud_event(command))
        properties = pika.BasicProperties(headers=headers, content_type=content_type)
        bus.channel.basic_publish(EXCHANGE, command["attributes"]["type"], body, properties)
    else:
        raise ValueError(f"no command {do}")
    write_line({"done": do})


def main(url):
    bus = EventBus(url)
    write_line({"done": "connect"})
    ended = threading.Event()
    faults = []

    def listen():
        # Only the main thread may use the connection, so commands are passed to it.
        for line in sys.stdin:
            bus.connection.add_callback_threadsafe(lambda command=json.loads(line): guarded(command))
        bus.connection.add_callback_threadsafe(ended.set)

    def guarded(command):
        try:
            execute(bus, command)
        except Exception as fault:
            faults.append(fault)
            ended.set()

    threading.Thread(target=listen, daemon=True).start()
    while not ended.is_set():
        bus.connection.process_data_events(time_limit=None)
    if faults:
        raise faults[0]
    bus.connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
