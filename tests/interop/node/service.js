// A typical Node service: amqplib, one topic exchange, JSON bodies, and no properties.
//
// usage: node service.js <amqp url>
//
// The test writes commands as lines of JSON to the standard input. The service writes the end of each command and each
// received message to the standard output. It ends with its input.
'use strict';

const readline = require('node:readline');
const amqp = require('amqplib');

const EXCHANGE = 'domain_events';

class EventBus {
  async connect(url) {
    this.connection = await amqp.connect(url);
    this.channel = await this.connection.createChannel();
    await this.channel.assertExchange(EXCHANGE, 'topic');
  }

  publish(event) {
    this.channel.publish(EXCHANGE, event.type, Buffer.from(JSON.stringify(event)));
  }

  async subscribe(queue, pattern, handle) {
    await this.channel.assertQueue(queue);
    await this.channel.bindQueue(queue, EXCHANGE, pattern);
    await this.consume(queue, handle);
  }

  async consume(queue, handle) {
    await this.channel.consume(queue, (message) => {
      handle(message);
      this.channel.ack(message);
    });
  }
}

// A header of every type that amqplib writes, under the names of AMQP.
const ODD_HEADERS = {
  'x-bool': true,
  'x-int8': -7,
  'x-int16': 1000,
  'x-int32': 70000,
  'x-int64': 5000000000,
  'x-double': 1.5,
  'x-float': { '!': 'float', value: 0.25 },
  'x-decimal': { '!': 'decimal', value: { digits: 1995, places: 2 } },
  'x-timestamp': { '!': 'timestamp', value: 1764000000 },
  'x-text': 'größer',
  'x-bytes': Buffer.from([0, 255, 7]),
  'x-list': ['a', 1, [true, null]],
  'x-table': { inner: { deeper: 'still' } },
  'x-null': null,
  'x-date': new Date(0),
};

// A command is done when the client has written it to the broker or has received the reply.
const commands = {
  subscribe: (bus, { queue, pattern }) => bus.subscribe(queue, pattern, received(queue)),
  consume: (bus, { queue }) => bus.consume(queue, received(queue)),
  publish: (bus, { event }) => bus.publish(event),
  // Moves a dead letter back to its queue, unchanged.
  putBack: (bus, { from, to }) => {
    const { content, properties } = last.get(from);
    bus.channel.sendToQueue(to, content, properties);
  },
  // Publishes a message with properties. `body` is in hexadecimal.
  send: (bus, { key, body, options = {}, oddHeaders = false }) => {
    const headers = { ...options.headers, ...(oddHeaders ? ODD_HEADERS : {}) };
    if (Object.keys(headers).length > 0) options.headers = headers;
    bus.channel.publish(EXCHANGE, key, Buffer.from(body, 'hex'), options);
  },
};

const last = new Map();

const received = (queue) => (message) => {
  last.set(queue, message);
  const { headers, ...properties } = message.properties;
  let event = null;
  let instant = null;
  try {
    event = JSON.parse(message.content.toString());
    // This call throws when the time is invalid.
    instant = new Date(event.timestamp).toISOString();
  } catch {
    // A dead letter may not be JSON.
  }
  writeLine({
    received: {
      queue,
      exchange: message.fields.exchange,
      key: message.fields.routingKey,
      body: message.content.toString('hex'),
      event,
      instant,
      properties,
      headers: headers ?? null,
    },
  });
};

const writeLine = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function main([url]) {
  const bus = new EventBus();
  await bus.connect(url);
  writeLine({ done: 'connect' });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    await commands[command.do](bus, command);
    writeLine({ done: command.do });
  }
  await bus.connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
