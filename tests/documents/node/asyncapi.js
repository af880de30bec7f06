// Judges AsyncAPI documents by AsyncAPI's own parser, without a network.
//
// usage: node asyncapi.js <file>...
//
// Writes what the parser says, and what it understood: one object a file.
'use strict';

const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

async function judge(file) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
  return {
    diagnostics: diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity })),
    understood: document && {
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

Promise.all(process.argv.slice(2).map(judge)).then(
  (verdicts) => console.log(JSON.stringify(verdicts)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
