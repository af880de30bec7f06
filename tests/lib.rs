//! Nothing but a place for the tests to belong to.
