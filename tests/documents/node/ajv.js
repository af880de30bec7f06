// Compiles schemas with ajv in strict mode and validates examples with them.
//
// usage: node ajv.js
//
// Reads a list of {name, draft, schema, good} from the standard input and writes the errors, by name.
'use strict';

const { readFileSync } = require('node:fs');
const Ajv = require('ajv').default;
const Ajv2020 = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;

const faults = [];
for (const { name, draft, schema, good } of JSON.parse(readFileSync(0, 'utf8'))) {
  const ajv = draft === 7 ? new Ajv({ strict: true }) : new Ajv2020({ strict: true });
  addFormats(ajv);
  // A warning of strict mode counts as an error.
  ajv.logger.warn = (text) => faults.push(`${name}: ${text}`);
  try {
    const validate = ajv.compile(schema);
    for (const value of good) {
      if (!validate(value)) faults.push(`${name}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
    }
  } catch (error) {
    faults.push(`${name}: ${error.message}`);
  }
}
console.log(JSON.stringify(faults));
