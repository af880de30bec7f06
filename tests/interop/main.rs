//! Services in other languages, over a real RabbitMQ: what they publish reaches our handlers, and what we publish
//! reaches theirs, every field of it.
//!
//! The foreign programs are beside this file, `node/`, `nest/` and `python/`. They need `node` and `npm`, and `python3`
//! with `venv`; what they depend on is installed once, under the target directory.

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
