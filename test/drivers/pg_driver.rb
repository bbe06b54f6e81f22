# ruby-pg.
require "pg"

STDOUT.set_encoding("UTF-8")
STDOUT.sync = true

def sqlstate(connection, statement)
  connection.exec(statement)
  "none"
rescue PG::Error => e
  e.result&.error_field(PG::PG_DIAG_SQLSTATE)
end

begin
  connection = PG.connect
rescue PG::Error => e
  puts "refused - #{e.message.lines.first}"
  exit
end
puts "connect #{connection.exec('select current_user').getvalue(0, 0)}"
row = connection.exec_params("select $1::int + 1, $2::text", [41, "Zoë"])
puts "query #{row.getvalue(0, 0)} #{row.getvalue(0, 1)}"
connection.exec("create temp table t (n int, s text)")
lines = (0...10_000).map { |at| "#{at}\trow #{at}\n" }
connection.copy_data("copy t from stdin") { lines.each { |line| connection.put_copy_data(line) } }
puts "copyin #{connection.exec('select count(*), sum(n) from t').values[0].join(' ')}"
out = []
connection.copy_data("copy t to stdout") do
  while (line = connection.get_copy_data)
    out << line
  end
end
puts "copyout #{out == lines ? 10_000 : 'differs'}"
connection.transaction do
  connection.exec("set transaction isolation level read committed")
  connection.exec("lock table t in access share mode")
  puts "locked #{connection.exec('select count(*) from t').getvalue(0, 0)}"
end
puts "error #{sqlstate(connection, 'select * from no_such_table')}"
canceller = Thread.new { sleep 0.3; connection.cancel }
puts "cancel #{sqlstate(connection, 'select pg_sleep(30)')}"
canceller.join
connection.exec("set statement_timeout = 200")
puts "timeout #{sqlstate(connection, 'select pg_sleep(1)')}"
puts "after #{connection.exec('select 1').getvalue(0, 0)}"
connection.close
