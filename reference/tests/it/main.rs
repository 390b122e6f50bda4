//! Integration tests.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers as well")]

mod books;
mod broker_conformance;
mod broker_older_protocol;
mod broker_restart;
mod broker_switches;
mod buyers;
mod command_line;
mod control_room;
mod factory;
mod finding_the_shop;
mod fleet;
mod hostile_clients;
mod http_client;
mod http_server;
mod http_support;
mod kill_drills;
mod manifests;
mod messages;
mod operating;
mod sales_donut;
mod sales_hostile;
mod sales_shop;
mod secrets;
mod site;
mod sources;
mod store_arrivals;
mod store_conservation;
mod store_failures;
mod store_notes;
mod store_outbox;
mod store_purchases;
mod store_support;
mod terraform;
mod terraform_resources;
mod traces;
mod wait;
mod whole_pipeline;
mod workers;
