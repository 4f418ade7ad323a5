// Replaces node:http in bundles. Importing it as an ES module makes Node read all of its exports at once, one of which loads all of
// `fetch`: a third of the circuit breaker's cold start.
module.exports = process.getBuiltinModule('node:http');
