# Completion of rdsiam, made from its tables of commands and options: do not edit.
# Targets are read from the configuration files. After the target, the tool's own completion takes over; psql is kept from
# asking a server for databases and users meanwhile, since it would be whichever one listens on this machine.

# The options of a command; of all commands without one.
function __rdsiam_flags
    switch $argv[1]
        case psql
            printf '%s\t%s\n' --port 'local port (default: rds_local_port, else any)'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --ssm-sessions 'concurrent Systems Manager sessions (default: 8)'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --read-only 'start sessions as default_transaction_read_only'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --password-command 'log in with what CMD prints, instead of IAM'
            printf '%s\t%s\n' --secret 'log in with a secret in AWS Secrets Manager'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case exec
            printf '%s\t%s\n' --target 'one of several; with NAME=, sets NAME_PGHOST, ...'
            printf '%s\t%s\n' --each 'every target that matches: \'stage-*,prod\''
            printf '%s\t%s\n' --tag 'every target with this tag (rds_tags); repeatable'
            printf '%s\t%s\n' --jobs 'targets at a time (default: 4)'
            printf '%s\t%s\n' --output-dir 'write to DIR/TARGET.out and DIR/TARGET.err'
            printf '%s\t%s\n' --yes 'run on several targets without asking'
            printf '%s\t%s\n' --database-url 'set DATABASE_URL, or NAME, to the proxy\'s URL'
            printf '%s\t%s\n' --template 'fill in {host} {port} {user} {dbname} {url}'
            printf '%s\t%s\n' --env 'set a variable; fills in {password}, {url}, ...'
            printf '%s\t%s\n' --port 'local port (default: rds_local_port, else any)'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --ssm-sessions 'concurrent Systems Manager sessions (default: 8)'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --read-only 'start sessions as default_transaction_read_only'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --password-command 'log in with what CMD prints, instead of IAM'
            printf '%s\t%s\n' --secret 'log in with a secret in AWS Secrets Manager'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case proxy
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --print-config 'print settings for a tool instead of the URL'
            printf '%s\t%s\n' --port 'local port (default: rds_local_port, else any)'
            printf '%s\t%s\n' --socket 'a Unix socket in DIR instead of a port'
            printf '%s\t%s\n' --show-password 'print the URL with the password on a terminal too'
            printf '%s\t%s\n' --listen 'where to listen; requires TLS beyond loopback'
            printf '%s\t%s\n' --tls-cert 'certificate to serve TLS with; reread on change'
            printf '%s\t%s\n' --tls-key 'its private key'
            printf '%s\t%s\n' --require-tls 'refuse connections without TLS'
            printf '%s\t%s\n' --tls-client-ca 'require client certificates from these CAs'
            printf '%s\t%s\n' --password-file 'file with the proxy\'s password; created if absent'
            printf '%s\t%s\n' --client-auth 'how clients log in (default: scram-sha-256)'
            printf '%s\t%s\n' --auth 'iam, or pass-through (client authenticates itself)'
            printf '%s\t%s\n' --match-user 'use IAM for --user only; others log in themselves'
            printf '%s\t%s\n' --idle-timeout 'end sessions idle that long (90s, 30m, 8h)'
            printf '%s\t%s\n' --max-connections 'sessions per target (100; with --listen 1000)'
            printf '%s\t%s\n' --max-user-connections 'sessions of one database user (default: no limit)'
            printf '%s\t%s\n' --session-timeout 'end sessions after that long (90s, 30m, 8h)'
            printf '%s\t%s\n' --health-port 'serve /startup /readiness /liveness /metrics'
            printf '%s\t%s\n' --health-address 'address of that port (default: 127.0.0.1)'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --ssm-sessions 'concurrent Systems Manager sessions (default: 8)'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --read-only 'start sessions as default_transaction_read_only'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --password-command 'log in with what CMD prints, instead of IAM'
            printf '%s\t%s\n' --secret 'log in with a secret in AWS Secrets Manager'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case token
            printf '%s\t%s\n' --check 'show whose credentials are used (asks STS)'
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case url
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case env
            printf '%s\t%s\n' --shell 'shell syntax: sh, fish, powershell or cmd (default: sh)'
            printf '%s\t%s\n' --unset 'print the unset commands'
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case list
            printf '%s\t%s\n' --names 'print only the names'
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case init
            printf '%s\t%s\n' --yes 'write without asking'
            printf '%s\t%s\n' --sso-start-url 'log in with IAM Identity Center, in a new profile'
            printf '%s\t%s\n' --sso-region 'Region of IAM Identity Center'
            printf '%s\t%s\n' --sso-account-id 'AWS account to log in to'
            printf '%s\t%s\n' --sso-role-name 'permission set to log in with'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --read-only 'start sessions as default_transaction_read_only'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --password-command 'log in with what CMD prints, instead of IAM'
            printf '%s\t%s\n' --secret 'log in with a secret in AWS Secrets Manager'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case show
            printf '%s\t%s\n' --all 'show every target, with the errors of broken ones'
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --read-only 'start sessions as default_transaction_read_only'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --password-command 'log in with what CMD prints, instead of IAM'
            printf '%s\t%s\n' --secret 'log in with a secret in AWS Secrets Manager'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case doctor
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --password-command 'log in with what CMD prints, instead of IAM'
            printf '%s\t%s\n' --secret 'log in with a secret in AWS Secrets Manager'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case login
            printf '%s\t%s\n' --device-code 'confirm a code in any browser, on any machine'
            printf '%s\t%s\n' --no-browser 'only print the page\'s URL'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case logout
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case policy
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case setup
            printf '%s\t%s\n' --admin-secret 'administrator\'s secret (default: auto)'
            printf '%s\t%s\n' --admin-target 'administrator\'s target for the same database'
            printf '%s\t%s\n' --admin-password-command 'log in as the master user with what CMD prints'
            printf '%s\t%s\n' --grant 'what the user may do: read, write, or an SQL file'
            printf '%s\t%s\n' --schema 'schema to grant in (default: public); repeatable'
            printf '%s\t%s\n' --attach-policy 'attach the policy to this IAM role or user'
            printf '%s\t%s\n' --print 'print the plan as a script, change nothing'
            printf '%s\t%s\n' --yes 'carry out the plan without asking'
            printf '%s\t%s\n' --host 'the database, instead of the target\'s rds_host'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --dbname 'database name'
            printf '%s\t%s\n' -d 'database name'
            printf '%s\t%s\n' --via 'how to reach it: ssm, ssh://..., HOST:PORT'
            printf '%s\t%s\n' --sign-host 'the RDS endpoint that the host stands for'
            printf '%s\t%s\n' --strict-host 'fail if the host points to a different database'
            printf '%s\t%s\n' --sslrootcert 'comma-separated CA bundles to trust'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --region 'the database\'s Region, if its name has none'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case discover
            printf '%s\t%s\n' --region 'Region to search; repeatable'
            printf '%s\t%s\n' --all-regions 'search every Region of the account'
            printf '%s\t%s\n' --tag 'only databases with this tag; repeatable'
            printf '%s\t%s\n' --write 'add new databases to rdsiam\'s own file'
            printf '%s\t%s\n' --json 'print JSON'
            printf '%s\t%s\n' --user 'database user'
            printf '%s\t%s\n' -U 'database user'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case ca
            printf '%s\t%s\n' --region 'one Region\'s bundle (default: the partition\'s)'
            printf '%s\t%s\n' --partition 'partition of the certificates (default: aws)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case completion
            printf '%s\t%s\n' --install 'write the script where the shell looks for it'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case relay
            printf '%s\t%s\n' --session-timeout 'end sessions after that long (90s, 30m, 8h)'
            printf '%s\t%s\n' --health-port 'serve /startup /readiness /liveness /metrics'
            printf '%s\t%s\n' --health-address 'address of that port (default: 127.0.0.1)'
            printf '%s\t%s\n' --config 'the relay\'s file: who may reach which database'
            printf '%s\t%s\n' --listen 'where to listen (default: 0.0.0.0:8443)'
            printf '%s\t%s\n' --region 'Region of the STS that identifies the clients'
            printf '%s\t%s\n' --max-connections 'concurrent sessions (default: 2000)'
            printf '%s\t%s\n' --max-user-connections 'sessions of one identity (default: no limit)'
            printf '%s\t%s\n' --drain-timeout 'wait for sessions after SIGTERM (default: 3480)'
            printf '%s\t%s\n' --tls-cert 'certificate to serve TLS with; reread on change'
            printf '%s\t%s\n' --tls-key 'its private key'
            printf '%s\t%s\n' --tls-client-ca 'require client certificates from these CAs'
            printf '%s\t%s\n' --profile 'AWS profile for the credentials'
            printf '%s\t%s\n' --role-arn 'role to assume on top of the profile\'s credentials'
            printf '%s\t%s\n' --role-session-name 'session name for that role (default: rdsiam-USER)'
            printf '%s\t%s\n' --external-id 'external ID for that role'
            printf '%s\t%s\n' --duration-seconds 'requested lifetime of that role\'s credentials'
            printf '%s\t%s\n' --mfa-serial 'MFA device for that role'
            printf '%s\t%s\n' --mfa-code 'MFA code, if there is no terminal to ask on'
            printf '%s\t%s\n' --no-cache 'don\'t use the AWS CLI\'s credential cache'
            printf '%s\t%s\n' --aws-timeout 'timeout of each call to AWS (default: 15)'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case demo
            printf '%s\t%s\n' --install 'download a PostgreSQL server if none is installed'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
        case '*'
            printf '%s\t%s\n' --quiet 'don\'t print the connection line'
            printf '%s\t%s\n' -q 'don\'t print the connection line'
            printf '%s\t%s\n' --verbose 'log each step to stderr'
            printf '%s\t%s\n' -v 'log each step to stderr'
            printf '%s\t%s\n' --log-format 'format of rdsiam\'s own log lines: text or json'
            printf '%s\t%s\n' --no-input 'never ask; a missing answer is an error'
            printf '%s\t%s\n' --help 'show this help'
            printf '%s\t%s\n' -h 'show this help'
            printf '%s\t%s\n' --version 'show the version'
            printf '%s\t%s\n' -V 'show the version'
    end
end

# What may follow a command's name, where that is one of a few words.
function __rdsiam_operands
    switch $argv[1]
        case ca
            printf '%s\n' update
        case completion
            printf '%s\n' bash zsh fish powershell
    end
end

# Whether an option's value is the next word.
function __rdsiam_takes_value
    contains -- $argv[1] --target --each --tag --jobs --output-dir --env --region --partition --shell --admin-secret --admin-target --admin-password-command --grant --schema --attach-policy --sso-start-url --sso-region --sso-account-id --sso-role-name --print-config --port --socket --listen --tls-cert --tls-key --tls-client-ca --password-file --client-auth --auth --idle-timeout --max-connections --max-user-connections --session-timeout --health-port --health-address --config --drain-timeout --host --user -U --dbname -d --via --ssm-sessions --sign-host --sslrootcert --password-command --secret --profile --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --aws-timeout --log-format
end

# The values of an option.
function __rdsiam_values
    switch $argv[1]
        case --target --each --admin-target
            __rdsiam_targets
        case --output-dir --socket
            __fish_complete_directories $argv[2] ''
        case --region --sso-region
            printf '%s\n' af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2
        case --partition
            printf '%s\n' aws aws-us-gov aws-cn
        case --shell
            printf '%s\n' sh fish powershell cmd
        case --print-config
            printf '%s\n' dbeaver datagrip pgadmin tableplus jdbc docker
        case --tls-cert --tls-key --tls-client-ca --password-file --config --sslrootcert
            __fish_complete_path $argv[2]
        case --client-auth
            printf '%s\n' scram-sha-256 password trust
        case --auth
            printf '%s\n' iam pass-through
        case --host --sign-host
            __fish_print_hostnames
        case --via
            printf '%s\n' ssm ssh:// ssh+eice:// ssm:// socks5:// http:// https:// relay:// kube:// kube+relay:// rds-auth-proxy://
        case --profile
            __rdsiam_profiles
        case --log-format
            printf '%s\n' text json
    end
end

function __rdsiam_commands
    printf '%s\t%s\n' psql 'open psql on a target'
    printf '%s\t%s\n' exec 'run any PostgreSQL tool on a target'
    printf '%s\t%s\n' proxy 'keep a proxy open for GUI tools, services and containers'
    printf '%s\t%s\n' token 'print an auth token for tools that take a password (valid 15 min)'
    printf '%s\t%s\n' url 'print a URL for a direct connection (valid 15 min)'
    printf '%s\t%s\n' env 'print PG* variables for a direct connection (valid 15 min)'
    printf '%s\t%s\n' list 'list the targets in the configuration'
    printf '%s\t%s\n' init 'create a target from your answers, or from options'
    printf '%s\t%s\n' show 'show a target\'s settings, and where each comes from'
    printf '%s\t%s\n' doctor 'check every step of a login; explain failures and how to fix them'
    printf '%s\t%s\n' login 'log in to IAM Identity Center (SSO), without the AWS CLI'
    printf '%s\t%s\n' logout 'end every login to IAM Identity Center on this machine'
    printf '%s\t%s\n' policy 'print the minimal IAM policy and the GRANTs that a login needs'
    printf '%s\t%s\n' setup 'prepare a database for a user\'s logins with IAM'
    printf '%s\t%s\n' discover 'find the PostgreSQL databases of an AWS account'
    printf '%s\t%s\n' ca 'download AWS\'s current root certificates for RDS'
    printf '%s\t%s\n' completion 'print the completion script for a shell, or install it'
    printf '%s\t%s\n' relay 'run in the VPC and forward authorized clients to its databases'
    printf '%s\t%s\n' demo 'try it on a local stand-in (fake RDS), no AWS account needed'
end

set -g __rdsiam_targets_awk '
{ sub(/\r$/, "") }
/^[ \t]*\[/ {
  name = $0
  gsub(/^[ \t]*\[[ \t]*|[ \t]*\].*$/, "", name)
  if (kind == "config") {
    if (name ~ /^profile[ \t]/) sub(/^profile[ \t]+/, "", name)
    else if (name != "default") name = ""
  }
  if (kind == "config") gsub(/^["\047]|["\047]$/, "", name)
  if (kind == "own") own[name] = 1
  else if (name in own) name = ""
  if (name != "" && !(name in seen)) { seen[name] = 1; names[++count] = name }
  next
}
name == "" || /^[ \t]*[#;]/ || !match($0, /[ \t]*[=:][ \t]*/) { next }
{
  key = substr($0, 1, RSTART - 1)
  if (kind != "own") key = tolower(key)
  value = substr($0, RSTART + RLENGTH)
  gsub(/^[ \t]+/, "", key)
  if (kind != "own" && !sub(/^rds_/, "", key)) next
  gsub(/^"|"?[ \t]*$/, "", value)
  if (key == "host" || key == "hostname") hosts[name] = value
  if (key == "user" || key == "username") users[name] = value
}
END {
  for (i = 1; i <= count; i++) {
    name = names[i]
    if (hosts[name] == "") continue
    line = name "\t" (users[name] == "" ? "" : users[name] "@") hosts[name]
    print line
  }
}
'

set -g __rdsiam_with_tool psql exec
set -g __rdsiam_with_target psql exec proxy token url env show doctor login policy setup
set -g __rdsiam_with_targets proxy

function __rdsiam_targets
    set -l own $HOME/.config/rdsiam/config
    test -n "$XDG_CONFIG_HOME"; and set own $XDG_CONFIG_HOME/rdsiam/config
    test -n "$RDSIAM_CONFIG_FILE"; and set own $RDSIAM_CONFIG_FILE
    set -l config $HOME/.aws/config
    set -q AWS_CONFIG_FILE; and set config "$AWS_CONFIG_FILE"
    set -l credentials $HOME/.aws/credentials
    set -q AWS_SHARED_CREDENTIALS_FILE; and set credentials "$AWS_SHARED_CREDENTIALS_FILE"
    set -l words
    for kind in own config credentials
        set -l file (string replace -r '^~/' $HOME/ -- $$kind)
        test -r "$file"; or set file /dev/null
        set -a words kind=$kind $file
    end
    awk $__rdsiam_targets_awk $words 2>/dev/null
end

function __rdsiam_profiles
    set -l config $HOME/.aws/config
    set -q AWS_CONFIG_FILE; and set config $AWS_CONFIG_FILE
    set -l credentials $HOME/.aws/credentials
    set -q AWS_SHARED_CREDENTIALS_FILE; and set credentials $AWS_SHARED_CREDENTIALS_FILE
    test -r $config; and string replace -rf '^\[(?:profile\s+["\']?([^]]*[^]"\'\s])["\']?\s*|(default))\].*' '$1$2' <$config
    test -r $credentials; and string replace -rf '^\[([^]]*)\].*' '$1' <$credentials
end

# Completes words as a command line of their own; meanwhile psql answers --help and --version alone.
function __rdsiam_tool
    functions -q psql; and functions --copy psql __rdsiam_own_psql
    function psql
        contains -- --help $argv; or contains -- --version $argv; or return 1
        command psql $argv
    end
    complete --do-complete (string join ' ' -- (string escape -- $argv) (commandline -ct))
    functions --erase psql
    if functions -q __rdsiam_own_psql
        functions --copy __rdsiam_own_psql psql
        functions --erase __rdsiam_own_psql
    end
end

function __rdsiam_complete
    set -l words (commandline -opc)
    set -l command
    set -l operands 0
    set -l named
    set -l i 2
    while test $i -le (count $words)
        set -l word $words[$i]
        set -l rest $words[(math $i + 1)..-1]
        test $i -eq (count $words); and set rest
        string match -qr '^--target(=|$)' -- $word; and set named 1
        if test -z "$command"; and contains -- $word --help help
            :
        else if test "$word" = --; and contains -- "$command" psql exec demo
            test $command = psql; and set -p rest psql
            __rdsiam_tool $rest
            return
        else if string match -q -- '-*' $word
            if __rdsiam_takes_value $word
                if test $i -eq (count $words)
                    __rdsiam_value $word (commandline -ct)
                    return
                end
                set i (math $i + 1)
            else if test "$command" = demo; and not contains -- $word (__rdsiam_flags demo | string replace -r '\t.*' '')
                __rdsiam_tool psql $words[$i..-1]
                return
            end
        else if test -z "$command"
            set command $word
        else if test $command = demo
            __rdsiam_tool psql $words[$i..-1]
            return
        else if test $command = exec; and test -n "$named"
            __rdsiam_tool $words[$i..-1]
            return
        else if contains -- $command $__rdsiam_with_tool
            test "$rest[1]" = --; and set -e rest[1]
            test $command = psql; and set -p rest psql
            __rdsiam_tool $rest
            return
        else
            set operands (math $operands + 1)
        end
        set i (math $i + 1)
    end
    __rdsiam_word "$command" $operands "$named"
end

# Completes a word of rdsiam's own: COMMAND OPERANDS NAMED.
function __rdsiam_word
    set -l word (commandline -ct)
    if string match -qr '^--[a-z-]+=' -- $word
        set -l parts (string split -m 1 = -- $word)
        __rdsiam_value $parts[1] $parts[2] | string replace -r '^' -- $parts[1]=
    else if string match -q -- '-*' $word
        __rdsiam_flags $argv[1]
    else if test -z "$argv[1]"
        __rdsiam_commands
    else if test $argv[1] = exec; and test -n "$argv[3]"
        __rdsiam_tool
    else if contains -- $argv[1] $__rdsiam_with_target
        if test $argv[2] -eq 0; or contains -- $argv[1] $__rdsiam_with_targets
            __rdsiam_targets
        end
    else if test $argv[2] -eq 0
        __rdsiam_operands $argv[1]
    end
end

# Completes an option's value; of NAME=TARGET the target.
function __rdsiam_value
    set -l name (string match -r '^[A-Za-z][A-Za-z0-9_]*=' -- $argv[2])
    if test $argv[1] = --target; and test -n "$name"
        __rdsiam_values $argv[1] | string replace -r '^' -- $name
    else
        __rdsiam_values $argv[1] $argv[2]
    end
end

complete -c rdsiam -f -a '(__rdsiam_complete)'
