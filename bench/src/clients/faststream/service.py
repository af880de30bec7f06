"""FastStream as its documentation shows it, and tuned: uvloop, 256 publishes in flight, a prefetch of 256.

usage: service.py <default|tuned> <job> <url> <events>

It prints `ready`, waits for a line, does the job, and prints its report as JSON.
"""

import asyncio
import json
import resource
import sys
import time
import uuid
from datetime import datetime, timezone

from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

EXCHANGE = RabbitExchange("domain_events", type=ExchangeType.TOPIC, declare=False)
QUEUE = RabbitQueue("bench.take", declare=False)
KEY = "order.created"
FIRST_ORDER = 0x0193_5A1C_0000_7000_8000_0000_0000_0000


class OrderCreated(BaseModel):
    order_id: uuid.UUID
    customer: str
    total_cents: int
    at_micros: int
    note: str


class Envelope(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: uuid.UUID
    type: str
    timestamp: datetime
    aggregate_id: str
    correlation_id: uuid.UUID
    version: int
    source: str
    data: OrderCreated


def envelope(number: int) -> Envelope:
    event_id = uuid.uuid4()
    order_id = uuid.UUID(int=FIRST_ORDER | number)
    data = OrderCreated(
        order_id=order_id, customer="Ada Lovelace", total_cents=4200 + number % 1000, at_micros=0, note="n" * 96
    )
    return Envelope(
        id=event_id,
        type=KEY,
        timestamp=datetime.now(timezone.utc),
        aggregate_id=str(order_id),
        correlation_id=event_id,
        version=1,
        source="bench",
        data=data,
    )


class Stopwatch:
    def __init__(self) -> None:
        print("ready", flush=True)
        sys.stdin.readline()
        self.cpu = time.process_time()
        self.started = time.perf_counter()

    def stop(self, events: int, latencies: list[float]) -> None:
        seconds = time.perf_counter() - self.started
        cpu = time.process_time() - self.cpu
        latencies.sort()

        def percentile(part: float) -> float | None:
            return latencies[round((len(latencies) - 1) * part)] * 1e6 if latencies else None

        report = {
            "events": events,
            "seconds": seconds,
            "cpu": cpu,
            "p50": percentile(0.5),
            "p99": percentile(0.99),
            "p999": percentile(0.999),
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        print(json.dumps(report), flush=True)


async def publish(url: str, events: int, in_flight: int) -> None:
    async with RabbitBroker(url, app_id="bench", logger=None) as broker:
        # FastStream recommends a publisher object for frequent publishes.
        publisher = broker.publisher(exchange=EXCHANGE, routing_key=KEY, persist=True)
        await broker.start()
        latencies: list[float] = []
        numbers = iter(range(events))

        async def task() -> None:
            for number in numbers:
                begun = time.perf_counter()
                message = envelope(number)
                await publisher.publish(
                    message.model_dump_json(by_alias=True).encode(),
                    content_type="application/json",
                    message_id=str(message.id),
                    correlation_id=str(message.correlation_id),
                    message_type=KEY,
                    timestamp=message.timestamp,
                )
                latencies.append(time.perf_counter() - begun)

        stopwatch = Stopwatch()
        await asyncio.gather(*(task() for _ in range(in_flight)))
        stopwatch.stop(events, latencies)


async def consume(url: str, events: int, tuned: bool) -> None:
    channel = Channel(prefetch_count=256) if tuned else None
    broker = RabbitBroker(url, default_channel=channel, logger=None)
    left = events
    done = asyncio.Event()

    @broker.subscriber(QUEUE)
    async def take(order: Envelope) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    await broker.connect()
    stopwatch = Stopwatch()
    await broker.start()
    await done.wait()
    # The last acks are part of the work.
    await broker.stop()
    stopwatch.stop(events, [])


async def main() -> None:
    variant, job, url, count = sys.argv[1:]
    tuned, events = variant == "tuned", int(count)
    if job.startswith("publish"):
        await publish(url, events, 256 if tuned else 1)
    elif job == "consume":
        await consume(url, events, tuned)
    else:
        sys.exit(f"no job `{job}`")


if sys.argv[1] == "tuned":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
