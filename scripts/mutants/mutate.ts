// Puts one mistake into the text of a file; a place that is gone, or is there twice, is told, never passed over.
import { failure, type Result, success } from '../../lib/core/result.ts';
import type { Mutant } from './mutant.ts';

export function mutate(text: string, { name, file, search, replace }: Mutant): Result<string, string> {
  const places = text.split(search).length - 1;
  if (places !== 1) return failure(`${name}: its place stands ${places} times in ${file}, not once`);
  return success(text.replace(search, () => replace));
}
