locals {
  consumes = { for role, may in module.topology.roles : role => may.consumes if may.consumes != null }
  http     = toset([for role in ["sales", "receiving"] : role if role == "sales" || module.topology.callback_path != null])

  # Longer than the slowest call that a function makes, and well below the visibility timeout of its queue: a message whose function was ended
  # comes again only when nobody can still be working on it.
  timeout_seconds = { sales = 10, receiving = 10, relay = 60, replenish = 20, advertising = 20, operations = 20 }
}

data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "lambda_assumes" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# One role a function, each with what it does and nothing else.
resource "aws_iam_role" "function" {
  for_each = module.topology.roles

  name               = "rushproof-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda_assumes.json
}

data "aws_iam_policy_document" "function" {
  for_each = module.topology.roles

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  statement {
    sid       = "Password"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_db_instance.this.master_user_secret[0].secret_arn]
  }

  # What Lambda needs to stand in a VPC knows no resource to name.
  statement {
    sid       = "Network"
    actions   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = length(each.value.publishes) > 0 ? [each.value.publishes] : []

    content {
      sid       = "Publish"
      actions   = ["sns:Publish"]
      resources = [for topic in statement.value : aws_sns_topic.this[topic].arn]
    }
  }

  dynamic "statement" {
    for_each = each.value.consumes == null ? [] : [each.value.consumes]

    content {
      sid       = "Consume"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
      resources = [aws_sqs_queue.work[statement.value].arn]
    }
  }

  dynamic "statement" {
    for_each = each.key == "advertising" ? [1] : []

    content {
      sid       = "Mail"
      actions   = ["ses:SendEmail"]
      resources = ["arn:${data.aws_partition.current.partition}:ses:${var.region}:${data.aws_caller_identity.current.account_id}:identity/*"]

      condition {
        test     = "StringEquals"
        variable = "ses:FromAddress"
        values   = [var.mail_from]
      }
    }
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = module.topology.roles

  name   = "what-it-does"
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = module.topology.roles

  name              = "/aws/lambda/rushproof-${each.key}"
  retention_in_days = 30
}

resource "aws_lambda_function" "this" {
  for_each = module.topology.roles

  function_name    = "rushproof-${each.key}"
  role             = aws_iam_role.function[each.key].arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  layers           = [var.secrets_extension_layer_arn]
  memory_size      = 256
  timeout          = local.timeout_seconds[each.key]

  # The program is all of them; which one it is, it reads here.
  handler = each.key

  # The relay drains one outbox: a second one at the same time would only wait for the first one's lease.
  reserved_concurrent_executions = each.key == "relay" ? 1 : -1

  vpc_config {
    subnet_ids         = var.private_subnet_ids
    security_group_ids = [aws_security_group.functions.id]
  }

  environment {
    variables = {
      REFERENCE_EDITION             = var.edition
      REFERENCE_DATABASE_HOST       = aws_db_instance.this.address
      REFERENCE_DATABASE_SECRET_ARN = aws_db_instance.this.master_user_secret[0].secret_arn
      REFERENCE_MAIL_FROM           = var.mail_from
      REFERENCE_AD_MANAGER          = var.ad_manager
      # The other topics differ only in their name, so nobody needs the permission to list them.
      TOPIC_ARN    = aws_sns_topic.this[module.topology.roles["relay"].publishes[0]].arn
      FACTORY_URL  = var.factory_url
      CALLBACK_URL = module.topology.callback_path == null ? "" : "${aws_apigatewayv2_api.this.api_endpoint}${module.topology.callback_path}"
      RUST_LOG     = "info"
    }
  }

  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each = local.consumes

  event_source_arn = aws_sqs_queue.work[each.value].arn
  function_name    = aws_lambda_function.this[each.key].arn
  batch_size       = 10

  # A batch answers for each of its messages, so that one that fails takes no other along.
  function_response_types = ["ReportBatchItemFailures"]

  dynamic "scaling_config" {
    for_each = each.key == "replenish" ? [var.replenish_concurrency] : []

    content {
      maximum_concurrency = scaling_config.value
    }
  }
}

# EventBridge knows no shorter rate; the relay stays for most of the minute and publishes as rows come.
resource "aws_cloudwatch_event_rule" "relay" {
  name                = "rushproof-relay"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "relay" {
  rule  = aws_cloudwatch_event_rule.relay.name
  arn   = aws_lambda_function.this["relay"].arn
  input = jsonencode({ stay_seconds = 50 })
}

resource "aws_lambda_permission" "relay" {
  statement_id  = "Schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["relay"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.relay.arn
}

resource "aws_apigatewayv2_api" "this" {
  name          = "rushproof"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.http

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.this[each.key].invoke_arn
  payload_format_version = "2.0"
}

# Everything is the shop's, except the one call with which the factory reports its goods.
resource "aws_apigatewayv2_route" "this" {
  for_each = local.http

  api_id    = aws_apigatewayv2_api.this.id
  route_key = each.key == "receiving" ? "POST ${module.topology.callback_path}" : "$default"
  target    = "integrations/${aws_apigatewayv2_integration.this[each.key].id}"
}

resource "aws_lambda_permission" "http" {
  for_each = local.http

  statement_id  = "HttpApi"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.key].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}
