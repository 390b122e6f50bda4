# `terraform test` in this folder: no provider, no network.

run "donut" {
  command = plan

  variables {
    edition = "donut"
  }

  assert {
    condition     = output.topics == toset(["stock_empty", "sales_events"])
    error_message = "The donut shop has other topics than its contract."
  }

  assert {
    condition     = output.queues["stock_queue"].dlq == "stock_dlq" && output.queues["stock_queue"].topic == "stock_empty"
    error_message = "The stock queue hangs somewhere else."
  }

  assert {
    condition     = output.callback_path == "/product/donut"
    error_message = "The factory would not know where to call."
  }
}

run "shop" {
  command = plan

  variables {
    edition = "shop"
  }

  assert {
    condition     = output.queues["delivery-queue"].topic == "delivery-topic" && output.callback_path == null
    error_message = "Deliveries of the item shop come through a topic."
  }
}

run "every_queue_can_be_watched" {
  command = plan

  variables {
    edition = "shop"
  }

  assert {
    condition = alltrue([for queue in output.queues :
      queue.dlq_retention_seconds > queue.retention_seconds && queue.max_receive_count > 1 && contains(output.topics, queue.topic)
    ])
    error_message = "A dead letter must be kept longer than the message it was, and every queue hangs on a topic of the edition."
  }
}
