// Replaces in bundles what ccxt imports for exchanges and for streams that the system does not use: protobufjs, Starknet's curves, whose
// constants take longer to compute than all the rest to load, and WebSockets.
module.exports = {};
