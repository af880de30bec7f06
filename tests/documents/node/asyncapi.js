// Parses AsyncAPI documents with AsyncAPI's own parser, without a network.
//
// usage: node asyncapi.js <file>...
//
// Writes the diagnostics of the parser and the parsed document: one object for each file.
'use strict';

const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

async function parse(file) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
  return {
    diagnostics: diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity })),
    document: document && {
      title: document.info().title(),
      operations: document.operations().all().map((operation) => ({
        id: operation.id(),
        action: operation.action(),
        address: operation.channels().all()[0].address(),
        messages: operation.messages().all().map((message) => message.id()),
      })),
    },
  };
}

Promise.all(process.argv.slice(2).map(parse)).then(
  (reports) => console.log(JSON.stringify(reports)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
