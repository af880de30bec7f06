//! Checks the documents, schemas and types that are generated for others. Everything is in the tests.
