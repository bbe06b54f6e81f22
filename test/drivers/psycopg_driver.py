# psycopg 3, with PG* alone or with the connection string in CLIENT_URL.
import os
import threading

import psycopg


def sqlstate(statement):
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    return "none"


try:
    connection = psycopg.connect(os.environ.get("CLIENT_URL", ""), autocommit=True)
except psycopg.Error as error:
    print("refused", error.sqlstate, str(error).splitlines()[0])
    raise SystemExit
print("connect", connection.execute("select current_user").fetchone()[0])
print("query", *connection.execute("select %s::int + 1, %s::text", (41, "Zoë")).fetchone())
connection.execute("create temp table t (n int, s text)")
lines = "".join(f"{at}\trow {at}\n" for at in range(10_000))
with connection.cursor().copy("copy t from stdin") as copy:
    copy.write(lines)
print("copyin", *connection.execute("select count(*), sum(n) from t").fetchone())
with connection.cursor().copy("copy t to stdout") as copy:
    out = b"".join(bytes(chunk) for chunk in copy)
print("copyout", 10_000 if out.decode() == lines else "differs")
connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
with connection.transaction():
    connection.execute("lock table t in access share mode")
    print("locked", connection.execute("select count(*) from t").fetchone()[0])
connection.isolation_level = None
print("error", sqlstate("select * from no_such_table"))
threading.Timer(0.3, connection.cancel).start()
print("cancel", sqlstate("select pg_sleep(30)"))
connection.execute("set statement_timeout = 200")
print("timeout", sqlstate("select pg_sleep(1)"))
print("after", connection.execute("select 1").fetchone()[0])
connection.close()
