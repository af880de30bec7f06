//! Services in other languages exchange events with ours over RabbitMQ, in both directions and with every field.
//!
//! The services are in `node/`, `nest/` and `python/`. They need `node` with `npm`, and `python3` with `venv`. Their
//! dependencies are installed once, in the target directory.

mod both_directions;
mod cloud_event;
mod conversation;
mod dead_letter;
mod event;
mod fixture;
mod foreign_service;
mod language;
mod nest_transport;
mod unusual_messages;
