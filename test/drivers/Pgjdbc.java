// pgjdbc, with the URL in CLIENT_URL, or with PG*: it does not read those by itself, so they are put into its URL here.
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;

public class Pgjdbc {
  static void say(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word);
    byte[] bytes = line.append("\n").toString().getBytes(StandardCharsets.UTF_8);
    System.out.write(bytes, 0, bytes.length);
    System.out.flush();
  }

  static String sqlstate(Statement statement, String sql) {
    try {
      statement.execute(sql);
      return "none";
    } catch (SQLException error) {
      return error.getSQLState();
    }
  }

  static Connection connect() throws SQLException {
    Properties properties = new Properties();
    String url = System.getenv("CLIENT_URL");
    if (url != null) {
      for (String name : new String[] {"user", "password"}) {
        String value = System.getenv("CLIENT_" + name.toUpperCase());
        if (value != null) properties.setProperty(name, value);
      }
      return DriverManager.getConnection(url, properties);
    }
    properties.setProperty("user", System.getenv("PGUSER"));
    properties.setProperty("password", System.getenv("PGPASSWORD"));
    properties.setProperty("sslmode", System.getenv("PGSSLMODE"));
    String host = System.getenv("PGHOST") + ":" + System.getenv("PGPORT");
    return DriverManager.getConnection(
        "jdbc:postgresql://" + host + "/" + System.getenv("PGDATABASE"), properties);
  }

  static void copy(Connection connection, Statement statement) throws Exception {
    statement.execute("create temp table t (n int, s text)");
    StringBuilder lines = new StringBuilder();
    for (int at = 0; at < 10_000; at += 1) lines.append(at).append("\trow ").append(at).append("\n");
    var manager = connection.unwrap(PGConnection.class).getCopyAPI();
    manager.copyIn("copy t from stdin", new StringReader(lines.toString()));
    ResultSet sum = statement.executeQuery("select count(*), sum(n) from t");
    sum.next();
    say("copyin", sum.getLong(1), sum.getLong(2));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    manager.copyOut("copy t to stdout", out);
    boolean same = out.toString(StandardCharsets.UTF_8).equals(lines.toString());
    say("copyout", same ? 10_000 : "differs");
  }

  public static void main(String[] words) throws Exception {
    Connection connection;
    try {
      connection = connect();
    } catch (SQLException error) {
      say("refused", error.getSQLState(), error.getMessage().lines().findFirst().orElse(""));
      return;
    }
    Statement statement = connection.createStatement();
    ResultSet user = statement.executeQuery("select current_user");
    user.next();
    say("connect", user.getString(1));
    var prepared = connection.prepareStatement("select ?::int + 1, ?::text");
    prepared.setInt(1, 41);
    prepared.setString(2, "Zo\u00eb");
    ResultSet row = prepared.executeQuery();
    row.next();
    say("query", row.getInt(1), row.getString(2));
    copy(connection, statement);
    connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    connection.setAutoCommit(false);
    statement.execute("lock table t in access share mode");
    ResultSet locked = statement.executeQuery("select count(*) from t");
    locked.next();
    say("locked", locked.getInt(1));
    connection.commit();
    connection.setAutoCommit(true);
    say("error", sqlstate(statement, "select * from no_such_table"));
    Thread canceller =
        new Thread(
            () -> {
              try {
                Thread.sleep(300);
                statement.cancel();
              } catch (Exception error) {
                say("cancel", error);
              }
            });
    canceller.start();
    say("cancel", sqlstate(statement, "select pg_sleep(30)"));
    canceller.join();
    // The driver's own timeout is a cancel too.
    statement.setQueryTimeout(1);
    say("timeout", sqlstate(statement, "select pg_sleep(30)"));
    ResultSet after = statement.executeQuery("select 1");
    after.next();
    say("after", after.getInt(1));
    connection.close();
  }
}
