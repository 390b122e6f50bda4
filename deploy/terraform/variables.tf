variable "region" {
  description = "Region of everything."
  type        = string
}

variable "edition" {
  description = "Which shop: \"donut\" (the factory calls back) or \"shop\" (the factory delivers through a topic)."
  type        = string
  default     = "donut"

  validation {
    condition     = contains(["donut", "shop"], var.edition)
    error_message = "There are the editions \"donut\" and \"shop\"."
  }
}

variable "vpc_id" {
  description = "VPC of the database and of the functions that use it."
  type        = string
}

variable "private_subnet_ids" {
  description = "Private subnets in at least two zones, with a way to AWS's own services and to the factory (a NAT gateway, or endpoints)."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "A database needs subnets in at least two availability zones."
  }
}

variable "package" {
  description = "Zip with the functions' program as `bootstrap`, as `cargo lambda build --output-format zip` makes it."
  type        = string
}

variable "secrets_extension_layer_arn" {
  description = "ARN of the layer \"AWS Parameters and Secrets Lambda Extension\" for arm64 in the region (AWS publishes the list); the functions read the database's password through it, so that it stands in no variable and in no state."
  type        = string
}

variable "factory_url" {
  description = "Address of the legacy factory's API."
  type        = string
}

variable "mail_from" {
  description = "Sender of the ad stop; an identity that SES has verified."
  type        = string
}

variable "ad_manager" {
  description = "The person in charge of advertising."
  type        = string
}

variable "alarm_email" {
  description = "Who is told when an alarm rises. The address must confirm the subscription."
  type        = string
}

variable "database_class" {
  description = "Size of the database."
  type        = string
  default     = "db.t4g.medium"
}

variable "database_multi_az" {
  description = "Whether a second zone stands by. A rush that matters wants it; a rehearsal need not pay for it."
  type        = bool
  default     = true
}

variable "replenish_concurrency" {
  description = "Calls to the factory at once, over all instances of the consumer. The factory falls over when this is much above its capacity."
  type        = number
  default     = 2

  validation {
    condition     = var.replenish_concurrency >= 2
    error_message = "An event source allows no fewer than 2."
  }
}

variable "queue_age_alarm_seconds" {
  description = "Age of the oldest message in a work queue that raises an alarm."
  type        = number
  default     = 300
}
