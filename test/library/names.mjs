// Loaded before a sample: the names of RDS in it lead to the stand-in.
import dns from "node:dns";

const lookup = dns.lookup.bind(dns);
dns.lookup = (name, options, callback) =>
  lookup(name.endsWith(".rds.amazonaws.com") ? "127.0.0.1" : name, options, callback);
