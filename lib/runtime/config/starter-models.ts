// The small trained ensemble that ships with the sources, so that a fresh clone runs.
import { fileURLToPath } from 'node:url';

export const STARTER_MODELS_FOLDER = fileURLToPath(new URL('../../../models/starter', import.meta.url));
