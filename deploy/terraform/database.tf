resource "aws_security_group" "functions" {
  name        = "rushproof-functions"
  description = "Functions that use the database"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "functions" {
  security_group_id = aws_security_group.functions.id
  description       = "The database, AWS and the factory"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_security_group" "database" {
  name        = "rushproof-database"
  description = "The shop's database"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  security_group_id            = aws_security_group.database.id
  description                  = "Only the functions"
  ip_protocol                  = "tcp"
  from_port                    = 3306
  to_port                      = 3306
  referenced_security_group_id = aws_security_group.functions.id
}

resource "aws_db_subnet_group" "this" {
  name       = "rushproof"
  subnet_ids = var.private_subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = "rushproof"
  family = "mariadb11.4"

  # An order that was answered is on disk.
  parameter {
    name  = "innodb_flush_log_at_trx_commit"
    value = "1"
  }

  # A row that another transaction holds is waited for only briefly: the caller repeats, within a bound.
  parameter {
    name  = "innodb_lock_wait_timeout"
    value = "5"
  }

  parameter {
    name  = "require_secure_transport"
    value = "1"
  }
}

resource "aws_db_instance" "this" {
  identifier     = "rushproof"
  engine         = "mariadb"
  engine_version = "11.4"
  instance_class = var.database_class
  db_name        = "shop"
  username       = "shop"

  # RDS makes the password, keeps it in Secrets Manager and rotates it. It stands neither here nor in the state.
  manage_master_user_password = true

  allocated_storage     = 50
  max_allocated_storage = 500
  storage_type          = "gp3"
  storage_encrypted     = true

  multi_az               = var.database_multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  parameter_group_name   = aws_db_parameter_group.this.name
  publicly_accessible    = false

  backup_retention_period         = 7
  copy_tags_to_snapshot           = true
  deletion_protection             = true
  skip_final_snapshot             = false
  final_snapshot_identifier       = "rushproof-last"
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["error", "slowquery"]
}
