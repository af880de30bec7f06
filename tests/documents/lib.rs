//! What is made from contracts for others, judged and used by others' tools. All of it is in the tests.
