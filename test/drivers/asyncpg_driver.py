# asyncpg. It sends a CancelRequest when the task that waits for a query is cancelled.
import asyncio
import time
from io import BytesIO

import asyncpg


async def sqlstate(awaitable):
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        return error.sqlstate
    return "none"


async def cancel(connection):
    start = time.monotonic()
    try:
        await asyncio.wait_for(connection.execute("select pg_sleep(30)"), 0.3)
    except asyncio.TimeoutError:
        # The connection is free again as soon as the server has ended the query.
        await connection.execute("select 1")
        return "57014" if time.monotonic() - start < 5 else "too late"
    return "none"


async def main():
    try:
        connection = await asyncpg.connect()
    except asyncpg.PostgresError as error:
        print("refused", error.sqlstate, str(error).splitlines()[0])
        return
    print("connect", await connection.fetchval("select current_user"))
    print("query", *await connection.fetchrow("select $1::int + 1, $2::text", 41, "Zoë"))
    await connection.execute("create temp table t (n int, s text)")
    rows = [(at, f"row {at}") for at in range(10_000)]
    await connection.copy_records_to_table("t", records=rows)
    print("copyin", *await connection.fetchrow("select count(*), sum(n) from t"))
    out = BytesIO()
    await connection.copy_from_query("select * from t order by n", output=out)
    lines = "".join(f"{n}\t{s}\n" for n, s in rows)
    print("copyout", 10_000 if out.getvalue().decode() == lines else "differs")
    async with connection.transaction(isolation="read_committed"):
        await connection.execute("lock table t in access share mode")
        print("locked", await connection.fetchval("select count(*) from t"))
    print("error", await sqlstate(connection.execute("select * from no_such_table")))
    print("cancel", await cancel(connection))
    await connection.execute("set statement_timeout = 200")
    print("timeout", await sqlstate(connection.execute("select pg_sleep(1)")))
    print("after", await connection.fetchval("select 1"))
    await connection.close()


asyncio.run(main())
