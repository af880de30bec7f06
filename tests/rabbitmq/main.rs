//! What a real broker alone can show: confirms and returns, connections that are lost, permissions, a broker that blocks.
//!
//! On the RabbitMQ that `TIDINGS_TEST_BROKER` names, or the one installed.

mod connecting;
mod connection_loss;
mod consuming;
mod fixture;
mod publishing;
mod tls;
mod topic_matching;
mod topology;
