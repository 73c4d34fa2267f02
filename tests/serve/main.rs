//! The built binary as a platform: started, spoken to over HTTP and MQTT, stopped, killed and started again.

mod alerts;
mod commands;
mod lifecycle;
mod mqtt;
mod process;
mod twins;
