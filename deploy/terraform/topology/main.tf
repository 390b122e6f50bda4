# What the pipeline is made of on SQS and SNS, as data. It needs no provider, so it is validated and tested without a network.
#
# topology.json is written from the program's own table (reference::edition::topology) and compared with it by a test: names and attributes
# here and there cannot drift apart.

terraform {
  required_version = ">= 1.9"
}

variable "edition" {
  description = "Which shop."
  type        = string
}

locals {
  edition = jsondecode(file("${path.module}/topology.json"))[var.edition]

  # By name, so that `for_each` keeps what did not change.
  queues = { for queue in local.edition.queues : queue.name => queue }
}

output "topics" {
  description = "Names of the topics."
  value       = toset(local.edition.topics)
}

output "queues" {
  description = "Work queues by name, each with the name of its dead-letter queue, its settings, its topic and its consumer."
  value       = local.queues
}

output "callback_path" {
  description = "Path that the factory calls when goods are ready; null where it delivers through a topic."
  value       = local.edition.callback_path
}

output "roles" {
  description = "What each role may do: topics it publishes to, queue it consumes."
  value       = local.edition.roles
}
