// A typical Nest service: handlers and publishing with @golevelup/nestjs-rabbitmq, and Nest's own RabbitMQ transport.
//
// usage: node main.js <amqp url>
//
// The test writes commands as lines of JSON to the standard input. The service writes the end of each command and each
// received message to the standard output. It ends with its input.
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { ConsoleLogger, Inject, Injectable, LogLevel, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxy, ClientsModule, Transport } from '@nestjs/microservices';
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import type { ConsumeMessage } from 'amqplib';
import { lastValueFrom } from 'rxjs';

const EXCHANGE = 'domain_events';
const url = process.argv[2];

interface DomainEvent<T = unknown> {
  id: string;
  type: string;
  timestamp: string;
  aggregateId: string;
  correlationId: string;
  causationId?: string;
  version: number;
  source?: string;
  data: T;
}

interface PaymentSettled {
  orderId: string;
  amountCents: number;
  method: string | null;
}

@Injectable()
class PaymentsListener {
  @RabbitSubscribe({ exchange: EXCHANGE, routingKey: 'payment.*', queue: 'nest.payments' })
  onPayment(event: DomainEvent<PaymentSettled>, raw?: ConsumeMessage): void {
    if (raw === undefined) throw new Error('the event has no raw message');
    const { headers, ...properties } = raw.properties;
    writeLine({
      received: {
        queue: 'nest.payments',
        exchange: raw.fields.exchange,
        key: raw.fields.routingKey,
        body: raw.content.toString('hex'),
        event,
        instant: new Date(event.timestamp).toISOString(),
        properties,
        headers: headers ?? null,
      },
    });
  }
}

@Injectable()
class OrdersPublisher {
  constructor(
    private readonly connection: AmqpConnection,
    @Inject('TRANSPORT') private readonly transport: ClientProxy,
  ) {}

  async publish(event: DomainEvent): Promise<void> {
    await this.connection.publish(EXCHANGE, event.type, event);
  }

  async publishNothing(key: string): Promise<void> {
    await this.connection.publish(EXCHANGE, key, undefined);
  }

  async emit(pattern: string, data: unknown): Promise<void> {
    await lastValueFrom(this.transport.emit(pattern, data), { defaultValue: undefined });
  }
}

@Module({
  imports: [
    RabbitMQModule.forRoot({
      uri: url,
      exchanges: [{ name: EXCHANGE, type: 'topic' }],
      connectionInitOptions: { wait: true, timeout: 30_000 },
    }),
    ClientsModule.register([
      {
        name: 'TRANSPORT',
        transport: Transport.RMQ,
        options: { urls: [url], exchange: EXCHANGE, exchangeType: 'topic', wildcards: true },
      },
    ]),
  ],
  providers: [PaymentsListener, OrdersPublisher],
})
class AppModule {}

/** Nest's own logger on the standard error, because the test reads the standard output. */
class StderrLogger extends ConsoleLogger {
  protected override printMessages(messages: unknown[], context?: string, level?: LogLevel): void {
    super.printMessages(messages, context, level, 'stderr');
  }
}

const writeLine = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: new StderrLogger({ colors: false }),
    abortOnError: false,
  });
  const orders = app.get(OrdersPublisher);
  writeLine({ done: 'connect' });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    switch (command.do) {
      case 'publish':
        await orders.publish(command.event);
        break;
      case 'publishNothing':
        await orders.publishNothing(command.key);
        break;
      case 'emit':
        await orders.emit(command.pattern, command.data);
        break;
      default:
        throw new Error(`no command ${command.do}`);
    }
    writeLine({ done: command.do });
  }
  await app.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
