//! MQTT: the embedded broker, topics, payloads and mapping rules.
