// Says which Node is needed where this one is too old, and ends. It runs before npm test and npm run build, and its text is the
// first of dist/rdsiam.js: so it is written in what old ones read. Bun and Deno have Node versions of their own choice.
(function () {
  const versions = process.versions;
  const parts = versions.node.split(".").map(Number);
  if (versions.bun || versions.deno) return;
  if (parts[0] > 20 || (parts[0] === 20 && parts[1] >= 19)) return;
  console.error("rdsiam: error: Node 20.19 or newer is needed, and this is Node " + versions.node);
  process.exit(125);
})();
