module "topology" {
  source  = "./topology"
  edition = var.edition
}

resource "aws_sns_topic" "this" {
  for_each = module.topology.topics

  name              = each.key
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = module.topology.queues

  name                      = each.value.dlq
  message_retention_seconds = each.value.dlq_retention_seconds
  sqs_managed_sse_enabled   = true
}

# Only the queue that it belongs to may move messages there.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  for_each = module.topology.queues

  queue_url = aws_sqs_queue.dead_letter[each.key].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.work[each.key].arn]
  })
}

resource "aws_sqs_queue" "work" {
  for_each = module.topology.queues

  name                       = each.key
  visibility_timeout_seconds = each.value.visibility_timeout_seconds
  message_retention_seconds  = each.value.retention_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter[each.key].arn
    maxReceiveCount     = each.value.max_receive_count
  })
}

# SNS delivers into the queue, and what it cannot deliver there into the dead-letter queue. Nobody else may send to either.
data "aws_iam_policy_document" "from_topic" {
  for_each = merge(
    { for name, queue in module.topology.queues : name => { arn = aws_sqs_queue.work[name].arn, topic = queue.topic } },
    { for name, queue in module.topology.queues : queue.dlq => { arn = aws_sqs_queue.dead_letter[name].arn, topic = queue.topic } },
  )

  statement {
    sid       = "TopicDelivers"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.arn]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.this[each.value.topic].arn]
    }
  }

  statement {
    sid       = "NothingInTheClear"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "work" {
  for_each = module.topology.queues

  queue_url = aws_sqs_queue.work[each.key].id
  policy    = data.aws_iam_policy_document.from_topic[each.key].json
}

resource "aws_sqs_queue_policy" "dead_letter" {
  for_each = module.topology.queues

  queue_url = aws_sqs_queue.dead_letter[each.key].id
  policy    = data.aws_iam_policy_document.from_topic[each.value.dlq].json
}

resource "aws_sns_topic_subscription" "this" {
  for_each = module.topology.queues

  topic_arn = aws_sns_topic.this[each.value.topic].arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.work[each.key].arn

  # A message that SNS gives up on is kept, too.
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter[each.key].arn })

  depends_on = [aws_sqs_queue_policy.work, aws_sqs_queue_policy.dead_letter]
}
