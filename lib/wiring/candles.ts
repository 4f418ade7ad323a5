// Candle files for the commands.
export { readCandleFile } from '../adapters/files/candle-folder.ts';
