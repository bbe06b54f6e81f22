# DBD::Pg. For a failed connection it always says 08006.
use strict;
use warnings;
use utf8;
use open qw(:std :utf8);
use DBI;
use DBD::Pg qw(:async);

$| = 1;
my $dbh = DBI->connect("dbi:Pg:", undef, undef, { PrintError => 0, RaiseError => 0 });
if (!$dbh) {
    my ($first) = split /\n/, $DBI::errstr;
    print "refused - $first\n";
    exit;
}

sub sqlstate {
    my ($statement) = @_;
    return defined $dbh->do($statement) ? "none" : $dbh->state;
}

print "connect ", $dbh->selectrow_array("select current_user"), "\n";
my @row = $dbh->selectrow_array('select ?::int + 1, ?::text', undef, 41, "Zoë");
print "query @row\n";
$dbh->do("create temp table t (n int, s text)");
my @lines = map { "$_\trow $_\n" } 0 .. 9999;
$dbh->do("copy t from stdin");
$dbh->pg_putcopydata($_) for @lines;
$dbh->pg_putcopyend;
my @sum = $dbh->selectrow_array("select count(*), sum(n) from t");
print "copyin @sum\n";
$dbh->do("copy t to stdout");
my ($out, $line) = ("", "");
$out .= $line while $dbh->pg_getcopydata($line) >= 0;
print "copyout ", ($out eq join("", @lines) ? 10000 : "differs"), "\n";
$dbh->do("begin isolation level read committed");
$dbh->do("lock table t in access share mode");
print "locked ", $dbh->selectrow_array("select count(*) from t"), "\n";
$dbh->do("commit");
print "error ", sqlstate("select * from no_such_table"), "\n";
my $start = time;
$dbh->do("select pg_sleep(30)", { pg_async => PG_ASYNC });
select(undef, undef, undef, 0.3);
my $cancelled = $dbh->pg_cancel;
print "cancel ", ($cancelled && time - $start < 5 ? "57014" : "too late"), "\n";
$dbh->do("set statement_timeout = 200");
print "timeout ", sqlstate("select pg_sleep(1)"), "\n";
print "after ", $dbh->selectrow_array("select 1"), "\n";
$dbh->disconnect;
