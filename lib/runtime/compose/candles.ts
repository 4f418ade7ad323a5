// Reads candle files for the commands.
import { readCandleFile } from '../../adapters/files/candle-folder.ts';

export const readCandles = readCandleFile;
