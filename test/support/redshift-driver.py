# AWS's own driver as the judge of the stand-in: logs in as it is told on stdin, and prints what the server says of it.
import json
import sys

import redshift_connector

options = json.load(sys.stdin)
try:
    with redshift_connector.connect(ssl=True, sslmode="verify-ca", **options) as connection:
        with connection.cursor() as cursor:
            cursor.execute("select current_user, current_database()")
            print(json.dumps(cursor.fetchone()))
except redshift_connector.Error as error:
    print(json.dumps(str(error)))
