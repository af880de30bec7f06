// A Nest service with @golevelup/nestjs-rabbitmq: 256 publishes in flight, a prefetch of 256.
//
// usage: node main.js <variant> <job> <amqp url> <events>
//
// It prints `ready`, waits for a line, does the job, and prints its report as JSON.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Injectable, Module, OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';

const EXCHANGE = 'domain_events';
const KEY = 'order.created';
const QUEUE = 'bench.take';
const IN_FLIGHT = 256;

const [, job, url, count] = process.argv.slice(2);
const events = Number(count);

interface OrderCreated {
  order_id: string;
  customer: string;
  total_cents: number;
  at_micros: number;
  note: string;
}

interface DomainEvent<T> {
  id: string;
  type: string;
  timestamp: string;
  aggregateId: string;
  correlationId: string;
  version: number;
  source: string;
  data: T;
}

function envelope(number: number): DomainEvent<OrderCreated> {
  const id = randomUUID();
  const orderId = `01935a1c-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
  return {
    id,
    type: KEY,
    timestamp: new Date().toISOString(),
    aggregateId: orderId,
    correlationId: id,
    version: 1,
    source: 'bench',
    data: {
      order_id: orderId,
      customer: 'Ada Lovelace',
      total_cents: 4200 + (number % 1000),
      at_micros: 0,
      note: 'n'.repeat(96),
    },
  };
}

class Stopwatch {
  private constructor(
    private readonly cpu: NodeJS.CpuUsage,
    private readonly started: number,
  ) {}

  static async start(): Promise<Stopwatch> {
    process.stdout.write('ready\n');
    await once(process.stdin, 'data');
    return new Stopwatch(process.cpuUsage(), performance.now());
  }

  stop(latencies: number[]): void {
    const seconds = (performance.now() - this.started) / 1000;
    const { user, system } = process.cpuUsage(this.cpu);
    const sorted = Float64Array.from(latencies).sort();
    const percentile = (part: number) =>
      sorted.length === 0 ? null : sorted[Math.round((sorted.length - 1) * part)] * 1000;
    const report = {
      events,
      seconds,
      cpu: (user + system) / 1e6,
      p50: percentile(0.5),
      p99: percentile(0.99),
      p999: percentile(0.999),
      peak_kib: process.resourceUsage().maxRSS,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

let left = events;
let finish: () => void;
const finished = new Promise<void>((resolve) => (finish = resolve));

let stopwatch: Stopwatch;

@Injectable()
class Orders implements OnModuleInit {
  // Here the service is connected but not subscribed, so that the start of Nest is not measured.
  async onModuleInit(): Promise<void> {
    stopwatch = await Stopwatch.start();
  }

  @RabbitSubscribe({ exchange: EXCHANGE, routingKey: KEY, queue: QUEUE, createQueueIfNotExists: false })
  take(event: DomainEvent<OrderCreated>): void {
    if (event.data.total_cents < 0) throw new Error('the total is negative');
    left -= 1;
    if (left === 0) finish();
  }
}

@Module({
  imports: [
    RabbitMQModule.forRoot({
      uri: url,
      exchanges: [{ name: EXCHANGE, type: 'topic' }],
      connectionInitOptions: { wait: true, timeout: 30_000 },
      prefetchCount: 256,
      registerHandlers: job === 'consume',
    }),
  ],
  providers: job === 'consume' ? [Orders] : [],
})
class AppModule {}

async function publish(connection: AmqpConnection): Promise<number[]> {
  const latencies: number[] = [];
  let number = 0;
  async function task(): Promise<void> {
    while (number < events) {
      const begun = performance.now();
      const event = envelope(number++);
      await connection.publish(EXCHANGE, KEY, event, {
        persistent: true,
        contentType: 'application/json',
        messageId: event.id,
        correlationId: event.correlationId,
        type: event.type,
        timestamp: Math.floor(Date.now() / 1000),
        appId: event.source,
        headers: {},
      });
      latencies.push(performance.now() - begun);
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, task));
  return latencies;
}

const start = () => NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });

async function main(): Promise<void> {
  const app = await start();
  if (job === 'consume') {
    await finished;
    // The last acks are part of the work.
    await app.close();
    stopwatch.stop([]);
  } else {
    stopwatch = await Stopwatch.start();
    stopwatch.stop(await publish(app.get(AmqpConnection)));
    await app.close();
  }
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
