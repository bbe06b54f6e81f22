#!/bin/sh
# pgcli, with PG* alone or with the URI in CLIENT_URL; it reads statements from a pipe too. Its settings and history go to a directory
# of their own. It has no SQLSTATEs.
set -eu
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export XDG_CONFIG_HOME="$home" TERM=dumb LC_ALL=C.UTF-8
pgcli --less-chatty ${CLIENT_URL:+"$CLIENT_URL"} 2>&1 <<'SQL' |
\T csv
select 'connect ' || current_user;
select 'query ' || 41 + 1 || ' Zoë';
create temp table t (n int, s text);
insert into t select n, 'row ' || n from generate_series(0, 9999) n;
\copy (select 'copyout', count(*) from t) to stdout delimiter ' '
begin isolation level read committed;
lock table t in access share mode;
select 'locked ' || count(*) from t;
commit;
select * from no_such_table;
set statement_timeout = 200;
select 'timeout none' from pg_sleep(1);
select 'after 1';
SQL
	sed -e 's/^[^ ]*> //' -e 's/^"\(.*\)"$/\1/' \
		-e 's/^relation "no_such_table" does not exist.*/error 42P01/' \
		-e 's/^canceling statement due to statement timeout.*/timeout 57014/' \
		-e 's/^connection failed:/refused -/'
echo copyin n/a
echo cancel n/a
