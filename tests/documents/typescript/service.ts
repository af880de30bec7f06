// A TypeScript service with event types that are generated from contracts. It publishes orders and reads payments.
//
// usage: node service.js <amqp url>
//
// The test writes commands as lines of JSON to the standard input. The service writes the end of each command and each
// received message to the standard output. It ends with its input.
import * as readline from 'node:readline';
import * as amqp from 'amqplib';
import type { OrderPlacedV2 } from './accepted/OrderPlacedV2';
import type { PaymentBookedV1 } from './written/PaymentBookedV1';

const EXCHANGE = 'domain_events';

function order(orderId: string): OrderPlacedV2 {
  return {
    id: `order of ${orderId}`,
    type: 'order.placed',
    version: 2,
    timestamp: new Date().toISOString(),
    data: {
      orderId,
      customer: 'Zoë "Z" O’Neil 🛒',
      lines: [{ sku: 'tea/green', count: 2, parts: [{ sku: 'bag', count: 20, parts: [] }] }],
      payment: { kind: 'card', number: '4111' },
      place: [52.5, 13.4],
      labels: { gift: 'yes' },
      totalCents: 4200,
      // The reader accepts an order without `note` and `express`.
    },
  };
}

// Errors that the compiler must find. If a type were `any`, `@ts-expect-error` itself would be an error.
export function mistakes(right: OrderPlacedV2): OrderPlacedV2[] {
  return [
    // @ts-expect-error: the type of another event
    { ...right, type: 'order.created' },
    // @ts-expect-error: another version
    { ...right, version: 1 },
    // @ts-expect-error: an amount is a number
    { ...right, data: { ...right.data, totalCents: '4200' } },
    // @ts-expect-error: an unknown kind of payment
    { ...right, data: { ...right.data, payment: { kind: 'barter' } } },
    // @ts-expect-error: a card has a number
    { ...right, data: { ...right.data, payment: { kind: 'card' } } },
    // @ts-expect-error: a place has two numbers
    { ...right, data: { ...right.data, place: [52.5] } },
    // @ts-expect-error: an order has data
    { type: 'order.placed', version: 2 },
  ];
}

// Reads every field by its generated type.
function summary(payment: PaymentBookedV1): object {
  const data = payment.data;
  const note: string | null = data.note;
  const cents: number = data.amountCents;
  const method: 'cash' | 'card' = data.method;
  const causation: string | undefined = payment.causationId;
  return { id: payment.id, causation, order: data.orderId, cents, method, note, at: payment.timestamp };
}

const writeLine = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

interface Command {
  do: 'placeOrder' | 'takePayments';
  orderId: string;
}

async function main(url: string): Promise<void> {
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(EXCHANGE, 'topic');
  writeLine({ done: 'connect' });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line);
    if (command.do === 'placeOrder') {
      const event = order(command.orderId);
      channel.publish(EXCHANGE, event.type, Buffer.from(JSON.stringify(event)));
      await channel.waitForConfirms();
    } else {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, EXCHANGE, 'payment.booked');
      await channel.consume(queue, (message) => {
        if (message === null) return;
        const payment: PaymentBookedV1 = JSON.parse(message.content.toString());
        writeLine({ payment: summary(payment) });
        channel.ack(message);
      });
    }
    writeLine({ done: command.do });
  }
  await connection.close();
}

main(process.argv[2] ?? '').catch((error) => {
  console.error(error);
  process.exit(1);
});
