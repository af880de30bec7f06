//! What only a real broker can show: confirms and returns, lost connections, permissions, TLS, alarms.
//!
//! Runs on the RabbitMQ that `TIDINGS_TEST_BROKER` selects, or on the installed one.

mod answers;
mod blocking;
mod connecting;
mod connection_loss;
mod consuming;
mod crash_loops;
mod fixture;
mod publishing;
mod tls;
mod topic_matching;
mod topology;
