// Stands in for node:http in bundles. Importing that as an ES module makes Node read all of its exports at once, and one of them
// loads all of `fetch`: a third of the circuit breaker's cold start.
module.exports = process.getBuiltinModule('node:http');
