// How a function declares its settings: one table per function, whose rows give the name in the environment, the parser and so the
// type, and who sets it. The reader, the settings' type and the names that infra must set all come from that table, so they cannot
// disagree.
import * as z from 'zod';

/** `required`: the stack sets it. `override`: no stack sets it. */
type SetBy = 'required' | 'override';

export interface Setting<Name extends string, Value, By extends SetBy> {
  readonly name: Name;
  readonly schema: z.ZodType<Value>;
  readonly setBy: By;
}

export const required = <const Name extends string, Value>(
  name: Name,
  schema: z.ZodType<Value>,
): Setting<Name, Value, 'required'> => ({ name, schema, setBy: 'required' });

export const text = <const Name extends string>(name: Name): Setting<Name, string, 'required'> =>
  required(name, z.string().min(3));

export const override = <const Name extends string, Value>(
  name: Name,
  schema: z.ZodType<Value>,
): Setting<Name, Value | undefined, 'override'> => ({ name, schema: schema.optional(), setBy: 'override' });

type Table = Readonly<Record<string, Setting<string, unknown, SetBy>>>;
type Values<T extends Table> = {
  readonly [Key in keyof T]: T[Key] extends Setting<string, infer Value, SetBy> ? Value : never;
};
type Names<T extends Table, By extends SetBy> = {
  [Key in keyof T]: T[Key] extends Setting<infer Name, unknown, By> ? Name : never;
}[keyof T];

export interface Settings<T extends Table> {
  /** What the stack must set. */
  readonly required: readonly Names<T, 'required'>[];
  /** Throws Error with one line that names every missing or malformed setting. */
  read(environment?: NodeJS.ProcessEnv): Values<T>;
}

export type SettingsOf<S extends { read(): unknown }> = ReturnType<S['read']>;

export function defineSettings<const T extends Table>(table: T): Settings<T> {
  const required = Object.values(table).filter(({ setBy }) => setBy === 'required');
  return {
    required: required.map(({ name }) => name) as Names<T, 'required'>[],
    read(environment = process.env) {
      const parsed = Object.entries(table).map(([key, { name, schema }]) => ({
        key,
        name,
        result: schema.safeParse(environment[name]),
      }));
      const problems = parsed.flatMap(({ name, result }) =>
        result.success ? [] : result.error.issues.map(({ message }) => `${name}: ${message}`),
      );
      if (problems.length > 0) throw new Error(`invalid settings: ${problems.join('; ')}`);
      return Object.fromEntries(parsed.map(({ key, result }) => [key, result.data])) as Values<T>;
    },
  };
}
