//! The runtime as its users see it, without a broker.
