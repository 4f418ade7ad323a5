// Replaces protobufjs in bundles: ccxt loads it for exchanges that the system does not use.
module.exports = {};
