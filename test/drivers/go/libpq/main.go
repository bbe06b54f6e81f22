// lib/pq, through database/sql. It has no COPY to the frontend.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
)

func sqlstate(err error) string {
	if err == nil {
		return "none"
	}
	var failure *pq.Error
	if errors.As(err, &failure) {
		return string(failure.Code)
	}
	return fmt.Sprint(err)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func copyIn(ctx context.Context, conn *sql.Conn) {
	tx, err := conn.BeginTx(ctx, nil)
	must(err)
	statement, err := tx.Prepare(pq.CopyIn("t", "n", "s"))
	must(err)
	for at := 0; at < 10000; at++ {
		_, err = statement.Exec(at, fmt.Sprintf("row %d", at))
		must(err)
	}
	_, err = statement.Exec()
	must(err)
	must(statement.Close())
	must(tx.Commit())
	var count, sum int
	must(conn.QueryRowContext(ctx, "select count(*), sum(n) from t").Scan(&count, &sum))
	fmt.Println("copyin", count, sum)
	fmt.Println("copyout n/a")
}

func main() {
	ctx := context.Background()
	db, err := sql.Open("postgres", "")
	must(err)
	conn, err := db.Conn(ctx)
	if err != nil {
		fmt.Println("refused", sqlstate(err), strings.Split(err.Error(), "\n")[0])
		return
	}
	var user string
	must(conn.QueryRowContext(ctx, "select current_user").Scan(&user))
	fmt.Println("connect", user)
	var number int
	var text string
	row := conn.QueryRowContext(ctx, "select $1::int + 1, $2::text", 41, "Zoë")
	must(row.Scan(&number, &text))
	fmt.Println("query", number, text)
	_, err = conn.ExecContext(ctx, "create temp table t (n int, s text)")
	must(err)
	copyIn(ctx, conn)
	locked, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	must(err)
	_, err = locked.ExecContext(ctx, "lock table t in access share mode")
	must(err)
	must(locked.QueryRowContext(ctx, "select count(*) from t").Scan(&number))
	fmt.Println("locked", number)
	must(locked.Commit())
	_, err = conn.ExecContext(ctx, "select * from no_such_table")
	fmt.Println("error", sqlstate(err))
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = conn.ExecContext(short, "select pg_sleep(30)")
	cancel()
	fmt.Println("cancel", sqlstate(err))
	// A cancelled context may have cost the connection; database/sql then gives another one.
	must(conn.Close())
	conn, err = db.Conn(ctx)
	must(err)
	_, err = conn.ExecContext(ctx, "set statement_timeout = 200")
	must(err)
	_, err = conn.ExecContext(ctx, "select pg_sleep(1)")
	fmt.Println("timeout", sqlstate(err))
	must(conn.QueryRowContext(ctx, "select 1").Scan(&number))
	fmt.Println("after", number)
	must(conn.Close())
	must(db.Close())
}
