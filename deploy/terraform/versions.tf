# The pipeline on AWS: topics, queues, functions, database, alarms. See ../README.md for what it needs and what could not be tried.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project = "rushproof"
      edition = var.edition
    }
  }
}
