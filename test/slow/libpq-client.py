# The least that a libpq must do, for a version whose symbols are too few for this machine's psql.
# It prints what psql prints in test/slow/env.ts: the user, and the library that is really loaded.
import ctypes

libpq = ctypes.CDLL("libpq.so.5")
for name in ("PQconnectdb", "PQexec"):
    getattr(libpq, name).restype = ctypes.c_void_p
for name in ("PQerrorMessage", "PQgetvalue"):
    getattr(libpq, name).restype = ctypes.c_char_p

connection = ctypes.c_void_p(libpq.PQconnectdb(b""))
if libpq.PQstatus(connection) != 0:
    raise SystemExit(libpq.PQerrorMessage(connection).decode())
result = ctypes.c_void_p(libpq.PQexec(connection, b"select current_user"))
print(libpq.PQgetvalue(result, 0, 0).decode())
libpq.PQfinish(connection)
with open("/proc/self/maps") as maps:
    print(next(line.split()[-1] for line in maps if "/libpq.so" in line))
