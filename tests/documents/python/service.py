"""A Python service with event types that are generated from contracts. It publishes orders and reads payments.

usage: python service.py <amqp url>

The test writes commands as lines of JSON to the standard input. The service writes the end of each command and each
received message to the standard output. It ends with its input.
"""

import datetime
import json
import sys
import threading

import pika
from pydantic import ValidationError

from accepted.OrderPlacedV2 import OrderPlacedV2
from written.PaymentBookedV1 import PaymentBookedV1

EXCHANGE = "domain_events"


def order(order_id):
    return OrderPlacedV2.model_validate({
        "id": f"order of {order_id}",
        "type": "order.placed",
        "version": 2,
        "timestamp": datetime.datetime.now(datetime.timezone.utc),
        "data": {
            "orderId": order_id,
            "customer": 'Zoë "Z" O’Neil 🛒',
            "lines": [{"sku": "tea/green", "count": 2, "parts": [{"sku": "bag", "count": 20, "parts": []}]}],
            "payment": {"kind": "card", "number": "4111"},
            "place": [52.5, 13.4],
            "labels": {"gift": "yes"},
            "totalCents": 4200,
            # The reader accepts an order without `note` and `express`.
        },
    })


# Errors that the models must find.
MISTAKES = [
    {"type": "order.created"},
    {"version": 1},
    {"data": {"totalCents": "a lot"}},
    {"data": {"totalCents": -1}},
    {"data": {"payment": {"kind": "barter"}}},
    {"data": {"payment": {"kind": "card"}}},
    {"data": {"place": [52.5]}},
    {"data": {"orderId": "o-1"}},
]


def refused(order_id):
    """Returns the number of mistakes that the models find."""
    count = 0
    for mistake in MISTAKES:
        right = order(order_id).model_dump(mode="json", by_alias=True, exclude_unset=True)
        wrong = right | mistake | {"data": right["data"] | mistake.get("data", {})}
        try:
            OrderPlacedV2.model_validate(wrong)
        except ValidationError:
            count += 1
        else:
            print(f"not refused: {mistake}", file=sys.stderr)
    return count


def summary(payment: PaymentBookedV1):
    # Reads every field by its generated type.
    return {
        "id": payment.id,
        "causation": payment.causationId,
        "order": str(payment.data.orderId),
        "cents": payment.data.amountCents,
        "method": payment.data.method.value if hasattr(payment.data.method, "value") else payment.data.method,
        "note": payment.data.note,
        "at": payment.timestamp.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    }


def write_line(line):
    print(json.dumps(line), flush=True)


def execute(channel, command):
    if command["do"] == "placeOrder":
        event = order(command["orderId"])
        body = event.model_dump_json(by_alias=True, exclude_unset=True)
        channel.basic_publish(EXCHANGE, event.type, body)
    elif command["do"] == "takePayments":
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, EXCHANGE, "payment.booked")

        def on_message(channel, method, properties, body):
            write_line({"payment": summary(PaymentBookedV1.model_validate_json(body))})
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume(queue, on_message)
    elif command["do"] == "makeMistakes":
        if refused(command["orderId"]) != len(MISTAKES):
            raise ValueError("a mistake was not refused")
    else:
        raise ValueError(f"no command {command['do']}")
    write_line({"done": command["do"]})


def main(url):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    write_line({"done": "connect"})
    ended = threading.Event()
    faults = []

    def listen():
        # Only the main thread may use the connection, so commands are passed to it.
        for line in sys.stdin:
            connection.add_callback_threadsafe(lambda command=json.loads(line): guarded(command))
        connection.add_callback_threadsafe(ended.set)

    def guarded(command):
        try:
            execute(channel, command)
        except Exception as fault:
            faults.append(fault)
            ended.set()

    threading.Thread(target=listen, daemon=True).start()
    while not ended.is_set():
        connection.process_data_events(time_limit=None)
    if faults:
        raise faults[0]
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
