resource "aws_sns_topic" "alarms" {
  name = "rushproof-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# One message is enough: nothing is lost there, but somebody has to look, and `reference redrive` moves it back.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = module.topology.queues

  alarm_name          = "rushproof-${each.value.dlq}-not-empty"
  alarm_description   = "Messages that ${each.key}'s consumer could not handle are waiting in ${each.value.dlq}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Depth rises in every rush and says little; age says that the consumer does not keep up.
resource "aws_cloudwatch_metric_alarm" "queue_age" {
  for_each = module.topology.queues

  alarm_name          = "rushproof-${each.key}-too-old"
  alarm_description   = "The oldest message in ${each.key} has waited for more than ${var.queue_age_alarm_seconds} s."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.work[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.queue_age_alarm_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# What SNS could not hand over and what it then kept: should stay at zero.
resource "aws_cloudwatch_metric_alarm" "not_delivered" {
  for_each = module.topology.topics

  alarm_name          = "rushproof-${each.key}-not-delivered"
  alarm_description   = "SNS could not deliver messages of ${each.key}; they are in the dead-letter queues of its subscriptions."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  dimensions          = { TopicName = aws_sns_topic.this[each.key].name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = module.topology.roles

  alarm_name          = "rushproof-${each.key}-fails"
  alarm_description   = "The function ${each.key} ended with errors in three minutes running."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}
