// pgx, with PG* alone or with the URI in CLIENT_URL.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func sqlstate(err error) string {
	if err == nil {
		return "none"
	}
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Code
	}
	return fmt.Sprint(err)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func copyBoth(ctx context.Context, conn *pgx.Conn) {
	_, err := conn.Exec(ctx, "create temp table t (n int, s text)")
	must(err)
	rows := make([][]any, 10000)
	var lines strings.Builder
	for at := range rows {
		rows[at] = []any{at, fmt.Sprintf("row %d", at)}
		fmt.Fprintf(&lines, "%d\trow %d\n", at, at)
	}
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"n", "s"}, pgx.CopyFromRows(rows))
	must(err)
	var count, sum int
	must(conn.QueryRow(ctx, "select count(*), sum(n) from t").Scan(&count, &sum))
	fmt.Println("copyin", count, sum)
	var out bytes.Buffer
	_, err = conn.PgConn().CopyTo(ctx, &out, "copy t to stdout")
	must(err)
	if out.String() != lines.String() {
		fmt.Println("copyout differs")
		return
	}
	fmt.Println("copyout", count)
}

func main() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv("CLIENT_URL"))
	if err != nil {
		fmt.Println("refused", sqlstate(err), strings.Split(err.Error(), "\n")[0])
		return
	}
	var user string
	must(conn.QueryRow(ctx, "select current_user").Scan(&user))
	fmt.Println("connect", user)
	var number int
	var text string
	must(conn.QueryRow(ctx, "select $1::int + 1, $2::text", 41, "Zoë").Scan(&number, &text))
	fmt.Println("query", number, text)
	copyBoth(ctx, conn)
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	must(err)
	_, err = tx.Exec(ctx, "lock table t in access share mode")
	must(err)
	must(tx.QueryRow(ctx, "select count(*) from t").Scan(&number))
	fmt.Println("locked", number)
	must(tx.Commit(ctx))
	_, err = conn.Exec(ctx, "select * from no_such_table")
	fmt.Println("error", sqlstate(err))
	go func() {
		time.Sleep(300 * time.Millisecond)
		must(conn.PgConn().CancelRequest(ctx))
	}()
	_, err = conn.Exec(ctx, "select pg_sleep(30)")
	fmt.Println("cancel", sqlstate(err))
	_, err = conn.Exec(ctx, "set statement_timeout = 200")
	must(err)
	_, err = conn.Exec(ctx, "select pg_sleep(1)")
	fmt.Println("timeout", sqlstate(err))
	must(conn.QueryRow(ctx, "select 1").Scan(&number))
	fmt.Println("after", number)
	must(conn.Close(ctx))
}
