# psycopg2.
import threading
from io import StringIO

import psycopg2
import psycopg2.extensions


def sqlstate(statement):
    try:
        cursor.execute(statement)
    except psycopg2.Error as error:
        return error.pgcode
    return "none"


try:
    connection = psycopg2.connect("")
except psycopg2.Error as error:
    print("refused", error.pgcode, str(error).splitlines()[0])
    raise SystemExit
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("select current_user")
print("connect", cursor.fetchone()[0])
cursor.execute("select %s::int + 1, %s::text", (41, "Zoë"))
print("query", *cursor.fetchone())
cursor.execute("create temp table t (n int, s text)")
lines = "".join(f"{at}\trow {at}\n" for at in range(10_000))
cursor.copy_expert("copy t from stdin", StringIO(lines))
cursor.execute("select count(*), sum(n) from t")
print("copyin", *cursor.fetchone())
out = StringIO()
cursor.copy_expert("copy t to stdout", out)
print("copyout", 10_000 if out.getvalue() == lines else "differs")
connection.isolation_level = psycopg2.extensions.ISOLATION_LEVEL_READ_COMMITTED
connection.autocommit = False
cursor.execute("lock table t in access share mode")
cursor.execute("select count(*) from t")
print("locked", cursor.fetchone()[0])
connection.commit()
connection.autocommit = True
print("error", sqlstate("select * from no_such_table"))
threading.Timer(0.3, connection.cancel).start()
print("cancel", sqlstate("select pg_sleep(30)"))
cursor.execute("set statement_timeout = 200")
print("timeout", sqlstate("select pg_sleep(1)"))
cursor.execute("select 1")
print("after", cursor.fetchone()[0])
