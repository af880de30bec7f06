//! Tests of generated documents, schemas and types. The library is empty.
