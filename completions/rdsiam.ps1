# Completion of rdsiam, made from its tables of commands and options: do not edit.

Register-ArgumentCompleter -Native -CommandName rdsiam -ScriptBlock {
    param($current, $line, $position)

    $commands = [ordered]@{'psql' = 'open psql on a target'; 'exec' = 'run any PostgreSQL tool on a target'; 'proxy' = 'keep a proxy open for GUI tools, services and containers'; 'token' = 'print an auth token for tools that take a password (valid 15 min)'; 'url' = 'print a URL for a direct connection (valid 15 min)'; 'env' = 'print PG* variables for a direct connection (valid 15 min)'; 'list' = 'list the targets in the configuration'; 'init' = 'create a target from your answers, or from options'; 'show' = 'show a target''s settings, and where each comes from'; 'doctor' = 'check every step of a login; explain failures and how to fix them'; 'login' = 'log in to IAM Identity Center (SSO), without the AWS CLI'; 'logout' = 'end every login to IAM Identity Center on this machine'; 'policy' = 'print the minimal IAM policy and the GRANTs that a login needs'; 'setup' = 'prepare a database for a user''s logins with IAM'; 'discover' = 'find the PostgreSQL databases of an AWS account'; 'ca' = 'download AWS''s current root certificates for RDS'; 'completion' = 'print the completion script for a shell, or install it'; 'relay' = 'run in the VPC and forward authorized clients to its databases'; 'demo' = 'try it on a local stand-in (fake RDS), no AWS account needed'}
    # The options of a command; of all commands without one.
    $flags = @{
        psql = [ordered]@{'--port' = 'local port (default: rds_local_port, else any)'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--ssm-sessions' = 'concurrent Systems Manager sessions (default: 8)'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--read-only' = 'start sessions as default_transaction_read_only'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--password-command' = 'log in with what CMD prints, instead of IAM'; '--secret' = 'log in with a secret in AWS Secrets Manager'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        exec = [ordered]@{'--target' = 'one of several; with NAME=, sets NAME_PGHOST, ...'; '--each' = 'every target that matches: ''stage-*,prod'''; '--tag' = 'every target with this tag (rds_tags); repeatable'; '--jobs' = 'targets at a time (default: 4)'; '--output-dir' = 'write to DIR/TARGET.out and DIR/TARGET.err'; '--yes' = 'run on several targets without asking'; '--database-url' = 'set DATABASE_URL, or NAME, to the proxy''s URL'; '--template' = 'fill in {host} {port} {user} {dbname} {url}'; '--env' = 'set a variable; fills in {password}, {url}, ...'; '--port' = 'local port (default: rds_local_port, else any)'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--ssm-sessions' = 'concurrent Systems Manager sessions (default: 8)'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--read-only' = 'start sessions as default_transaction_read_only'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--password-command' = 'log in with what CMD prints, instead of IAM'; '--secret' = 'log in with a secret in AWS Secrets Manager'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        proxy = [ordered]@{'--json' = 'print JSON'; '--print-config' = 'print settings for a tool instead of the URL'; '--port' = 'local port (default: rds_local_port, else any)'; '--socket' = 'a Unix socket in DIR instead of a port'; '--show-password' = 'print the URL with the password on a terminal too'; '--listen' = 'where to listen; requires TLS beyond loopback'; '--tls-cert' = 'certificate to serve TLS with; reread on change'; '--tls-key' = 'its private key'; '--require-tls' = 'refuse connections without TLS'; '--tls-client-ca' = 'require client certificates from these CAs'; '--password-file' = 'file with the proxy''s password; created if absent'; '--client-auth' = 'how clients log in (default: scram-sha-256)'; '--auth' = 'iam, or pass-through (client authenticates itself)'; '--match-user' = 'use IAM for --user only; others log in themselves'; '--idle-timeout' = 'end sessions idle that long (90s, 30m, 8h)'; '--max-connections' = 'sessions per target (100; with --listen 1000)'; '--max-user-connections' = 'sessions of one database user (default: no limit)'; '--session-timeout' = 'end sessions after that long (90s, 30m, 8h)'; '--health-port' = 'serve /startup /readiness /liveness /metrics'; '--health-address' = 'address of that port (default: 127.0.0.1)'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--ssm-sessions' = 'concurrent Systems Manager sessions (default: 8)'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--read-only' = 'start sessions as default_transaction_read_only'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--password-command' = 'log in with what CMD prints, instead of IAM'; '--secret' = 'log in with a secret in AWS Secrets Manager'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        token = [ordered]@{'--check' = 'show whose credentials are used (asks STS)'; '--json' = 'print JSON'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        url = [ordered]@{'--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        env = [ordered]@{'--shell' = 'shell syntax: sh, fish, powershell or cmd (default: sh)'; '--unset' = 'print the unset commands'; '--json' = 'print JSON'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        list = [ordered]@{'--names' = 'print only the names'; '--json' = 'print JSON'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        init = [ordered]@{'--yes' = 'write without asking'; '--sso-start-url' = 'log in with IAM Identity Center, in a new profile'; '--sso-region' = 'Region of IAM Identity Center'; '--sso-account-id' = 'AWS account to log in to'; '--sso-role-name' = 'permission set to log in with'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--read-only' = 'start sessions as default_transaction_read_only'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--password-command' = 'log in with what CMD prints, instead of IAM'; '--secret' = 'log in with a secret in AWS Secrets Manager'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        show = [ordered]@{'--all' = 'show every target, with the errors of broken ones'; '--json' = 'print JSON'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--read-only' = 'start sessions as default_transaction_read_only'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--password-command' = 'log in with what CMD prints, instead of IAM'; '--secret' = 'log in with a secret in AWS Secrets Manager'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        doctor = [ordered]@{'--json' = 'print JSON'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--password-command' = 'log in with what CMD prints, instead of IAM'; '--secret' = 'log in with a secret in AWS Secrets Manager'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        login = [ordered]@{'--device-code' = 'confirm a code in any browser, on any machine'; '--no-browser' = 'only print the page''s URL'; '--profile' = 'AWS profile for the credentials'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        logout = [ordered]@{'--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        policy = [ordered]@{'--json' = 'print JSON'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        setup = [ordered]@{'--admin-secret' = 'administrator''s secret (default: auto)'; '--admin-target' = 'administrator''s target for the same database'; '--admin-password-command' = 'log in as the master user with what CMD prints'; '--grant' = 'what the user may do: read, write, or an SQL file'; '--schema' = 'schema to grant in (default: public); repeatable'; '--attach-policy' = 'attach the policy to this IAM role or user'; '--print' = 'print the plan as a script, change nothing'; '--yes' = 'carry out the plan without asking'; '--host' = 'the database, instead of the target''s rds_host'; '--user' = 'database user'; '--dbname' = 'database name'; '--via' = 'how to reach it: ssm, ssh://..., HOST:PORT'; '--sign-host' = 'the RDS endpoint that the host stands for'; '--strict-host' = 'fail if the host points to a different database'; '--sslrootcert' = 'comma-separated CA bundles to trust'; '--profile' = 'AWS profile for the credentials'; '--region' = 'the database''s Region, if its name has none'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        discover = [ordered]@{'--region' = 'Region to search; repeatable'; '--all-regions' = 'search every Region of the account'; '--tag' = 'only databases with this tag; repeatable'; '--write' = 'add new databases to rdsiam''s own file'; '--json' = 'print JSON'; '--user' = 'database user'; '--profile' = 'AWS profile for the credentials'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        ca = [ordered]@{'--region' = 'one Region''s bundle (default: the partition''s)'; '--partition' = 'partition of the certificates (default: aws)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        completion = [ordered]@{'--install' = 'write the script where the shell looks for it'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        relay = [ordered]@{'--session-timeout' = 'end sessions after that long (90s, 30m, 8h)'; '--health-port' = 'serve /startup /readiness /liveness /metrics'; '--health-address' = 'address of that port (default: 127.0.0.1)'; '--config' = 'the relay''s file: who may reach which database'; '--listen' = 'where to listen (default: 0.0.0.0:8443)'; '--region' = 'Region of the STS that identifies the clients'; '--max-connections' = 'concurrent sessions (default: 2000)'; '--max-user-connections' = 'sessions of one identity (default: no limit)'; '--drain-timeout' = 'wait for sessions after SIGTERM (default: 3480)'; '--tls-cert' = 'certificate to serve TLS with; reread on change'; '--tls-key' = 'its private key'; '--tls-client-ca' = 'require client certificates from these CAs'; '--profile' = 'AWS profile for the credentials'; '--role-arn' = 'role to assume on top of the profile''s credentials'; '--role-session-name' = 'session name for that role (default: rdsiam-USER)'; '--external-id' = 'external ID for that role'; '--duration-seconds' = 'requested lifetime of that role''s credentials'; '--mfa-serial' = 'MFA device for that role'; '--mfa-code' = 'MFA code, if there is no terminal to ask on'; '--no-cache' = 'don''t use the AWS CLI''s credential cache'; '--aws-timeout' = 'timeout of each call to AWS (default: 15)'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        demo = [ordered]@{'--install' = 'download a PostgreSQL server if none is installed'; '--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
        '' = [ordered]@{'--quiet' = 'don''t print the connection line'; '--verbose' = 'log each step to stderr'; '--log-format' = 'format of rdsiam''s own log lines: text or json'; '--no-input' = 'never ask; a missing answer is an error'; '--help' = 'show this help'; '--version' = 'show the version'}
    }
    # What may follow a command's name, where that is one of a few words.
    $operands = @{
        ca = @('update')
        completion = @('bash', 'zsh', 'fish', 'powershell')
    }
    $valued = @('--target', '--each', '--tag', '--jobs', '--output-dir', '--env', '--region', '--partition', '--shell', '--admin-secret', '--admin-target', '--admin-password-command', '--grant', '--schema', '--attach-policy', '--sso-start-url', '--sso-region', '--sso-account-id', '--sso-role-name', '--print-config', '--port', '--socket', '--listen', '--tls-cert', '--tls-key', '--tls-client-ca', '--password-file', '--client-auth', '--auth', '--idle-timeout', '--max-connections', '--max-user-connections', '--session-timeout', '--health-port', '--health-address', '--config', '--drain-timeout', '--host', '--user', '-U', '--dbname', '-d', '--via', '--ssm-sessions', '--sign-host', '--sslrootcert', '--password-command', '--secret', '--profile', '--role-arn', '--role-session-name', '--external-id', '--duration-seconds', '--mfa-serial', '--mfa-code', '--aws-timeout', '--log-format')
    $withTool = @('psql', 'exec')
    $withTarget = @('psql', 'exec', 'proxy', 'token', 'url', 'env', 'show', 'doctor', 'login', 'policy', 'setup')
    $withTargets = @('proxy')
    $values = @{
        '--target' = 'target'
        '--each' = 'target'
        '--admin-target' = 'target'
        '--output-dir' = 'directory'
        '--socket' = 'directory'
        '--region' = @('af-south-1', 'ap-east-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-south-2', 'ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5', 'ap-southeast-7', 'ca-central-1', 'ca-west-1', 'cn-north-1', 'cn-northwest-1', 'eu-central-1', 'eu-central-2', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'il-central-1', 'me-central-1', 'me-south-1', 'mx-central-1', 'sa-east-1', 'us-east-1', 'us-east-2', 'us-gov-east-1', 'us-gov-west-1', 'us-west-1', 'us-west-2')
        '--sso-region' = @('af-south-1', 'ap-east-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-south-2', 'ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5', 'ap-southeast-7', 'ca-central-1', 'ca-west-1', 'cn-north-1', 'cn-northwest-1', 'eu-central-1', 'eu-central-2', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'il-central-1', 'me-central-1', 'me-south-1', 'mx-central-1', 'sa-east-1', 'us-east-1', 'us-east-2', 'us-gov-east-1', 'us-gov-west-1', 'us-west-1', 'us-west-2')
        '--partition' = @('aws', 'aws-us-gov', 'aws-cn')
        '--shell' = @('sh', 'fish', 'powershell', 'cmd')
        '--print-config' = @('dbeaver', 'datagrip', 'pgadmin', 'tableplus', 'jdbc', 'docker')
        '--tls-cert' = 'file'
        '--tls-key' = 'file'
        '--tls-client-ca' = 'file'
        '--password-file' = 'file'
        '--config' = 'file'
        '--sslrootcert' = 'file'
        '--client-auth' = @('scram-sha-256', 'password', 'trust')
        '--auth' = @('iam', 'pass-through')
        '--host' = 'host'
        '--sign-host' = 'host'
        '--via' = @('ssm', 'ssh://', 'ssh+eice://', 'ssm://', 'socks5://', 'http://', 'https://', 'relay://', 'kube://', 'kube+relay://', 'rds-auth-proxy://')
        '--profile' = 'profile'
        '--log-format' = @('text', 'json')
    }

    $userHome = if ($env:USERPROFILE) { $env:USERPROFILE } else { $HOME }
    $windows = $env:OS -eq 'Windows_NT'

    function Get-Lines($file) {
        if ($file -like '~[/\]*') { $file = Join-Path $userHome $file.Substring(2) }
        if ($file -and (Test-Path -LiteralPath $file -PathType Leaf)) { Get-Content -LiteralPath $file -Encoding UTF8 }
    }

    function Get-Places {
        $config = if ($env:XDG_CONFIG_HOME) { $env:XDG_CONFIG_HOME }
            elseif ($windows) { $env:APPDATA }
            else { Join-Path $userHome '.config' }
        $own = if ($env:RDSIAM_CONFIG_FILE) { $env:RDSIAM_CONFIG_FILE }
            else { Join-Path (Join-Path $config 'rdsiam') 'config' }
        $aws = Join-Path $userHome '.aws'
        @('own', $own)
        @('config', $(if ($null -ne $env:AWS_CONFIG_FILE) { $env:AWS_CONFIG_FILE } else { Join-Path $aws 'config' }))
        @('credentials', $(if ($null -ne $env:AWS_SHARED_CREDENTIALS_FILE) { $env:AWS_SHARED_CREDENTIALS_FILE } else { Join-Path $aws 'credentials' }))
    }

    # The targets, name by name with USER@HOST; of profiles all names.
    function Get-Sections([switch]$profiles) {
        $sections = [ordered]@{}
        $places = @(Get-Places)
        for ($i = 0; $i -lt $places.Count; $i += 2) {
            $kind = $places[$i]
            if ($profiles -and $kind -eq 'own') { continue }
            $name = $null
            foreach ($text in (Get-Lines $places[$i + 1])) {
                if ($text -match '^\s*\[\s*(.*?)\s*\]') {
                    $name = $Matches[1]
                    if ($kind -eq 'config' -and $name -cmatch '^profile\s+(.*)$') { $name = $Matches[1] }
                    elseif ($kind -eq 'config' -and $name -cne 'default') { $name = $null; continue }
                    if ($kind -eq 'config') { $name = $name -replace '^["'']|["'']$', '' }
                    if ($kind -ne 'own' -and $sections.Contains($name) -and $sections[$name].Kind -eq 'own') { $name = $null; continue }
                    if (-not $sections.Contains($name)) { $sections[$name] = @{ Kind = $kind; Host = ''; User = '' } }
                } elseif ($null -ne $name -and $text -match '^\s*([^#;\s][^=:]*?)\s*[=:]\s*"?(.*?)"?\s*$') {
                    $key, $value = $Matches[1], $Matches[2]
                    if ($kind -ne 'own') {
                        if ($key -notmatch '^rds_') { continue }
                        $key = $key.Substring(4).ToLowerInvariant()
                    }
                    if ($key -cmatch '^host(name)?$') { $sections[$name].Host = $value }
                    if ($key -cmatch '^user(name)?$') { $sections[$name].User = $value }
                }
            }
        }
        foreach ($name in $sections.Keys) {
            $found = $sections[$name]
            if ($profiles) { @{ Text = $name; Tip = $name } }
            elseif ($found.Host) {
                $user = if ($found.User) { "$($found.User)@" } else { '' }
                @{ Text = $name; Tip = "$user$($found.Host)" }
            }
        }
    }

    function Get-Values($flag) {
        $source = $values[$flag]
        if ($source -is [array]) { foreach ($word in $source) { @{ Text = $word; Tip = $word } } }
        elseif ($source -eq 'target') { Get-Sections }
        elseif ($source -eq 'profile') { Get-Sections -profiles }
    }

    function Get-Table($table) {
        foreach ($name in $table.Keys) { @{ Text = $name; Tip = $table[$name] } }
    }

    # What begins as the current word does. A name with signs of PowerShell's is a word in quotes.
    function Show-Words($found, $prefix = '') {
        $typed = $current -replace '^[''"]|[''"]$', ''
        foreach ($each in $found) {
            $text = $prefix + $each.Text
            if (-not $text.StartsWith($typed, [StringComparison]::OrdinalIgnoreCase)) { continue }
            $word = if ($text -match '^[\w@./:=+-]+$' -and $text -notmatch '^@') { $text } else { "'" + $text.Replace("'", "''") + "'" }
            [System.Management.Automation.CompletionResult]::new($word, $text, 'ParameterValue', $each.Tip)
        }
    }

    $words = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | Select-Object -Skip 1 | ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    $command = ''
    $count = 0
    $named = $false
    for ($i = 0; $i -lt $words.Count; $i++) {
        $word = $words[$i]
        if ($word -eq '--') { return }
        if ($word -like '--target*') { $named = $true }
        if ($word -like '-*') {
            if ($valued -ccontains $word) {
                if ($i -eq $words.Count - 1) { return Show-Words (Get-Values $word) }
                $i++
            }
        }
        elseif ($command -eq '') { $command = $word }
        elseif ($withTool -contains $command) { return }
        else { $count++ }
    }
    if ($current -match '^(--[a-z-]+)=') { return Show-Words (Get-Values $Matches[1]) "$($Matches[1])=" }
    if ($current -like '-*') { return Show-Words (Get-Table $(if ($flags.Contains($command)) { $flags[$command] } else { $flags[''] })) }
    if ($command -eq '') { return Show-Words (Get-Table $commands) }
    if ($command -eq 'exec' -and $named) { return }
    if ($withTarget -contains $command) {
        if ($count -eq 0 -or $withTargets -contains $command) { return Show-Words (Get-Sections) }
    }
    elseif ($count -eq 0 -and $operands.Contains($command)) {
        Show-Words @($operands[$command] | ForEach-Object { @{ Text = $_; Tip = $_ } })
    }
}
