output "shop_url" {
  description = "Where buyers go."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "topic_arns" {
  description = "ARNs of the topics by name; the factory of the item shop publishes to delivery-topic."
  value       = { for name, topic in aws_sns_topic.this : name => topic.arn }
}

output "database_secret_arn" {
  description = "Secret with the database's user and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
