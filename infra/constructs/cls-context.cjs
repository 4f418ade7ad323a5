// Replaces cls-hooked in bundles, as far as the X-Ray SDK uses it: the same contexts on AsyncLocalStorage. The original follows every
// promise of the process by async hooks, which costs each of them, and a cold start besides.
const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');

class Namespace {
  #storage = new AsyncLocalStorage();

  /** What a context lacks, it finds in the one it was created in. */
  createContext() {
    return Object.create(this.#storage.getStore() ?? null);
  }

  /** For the rest of this call and all that it starts. */
  enter(context) {
    this.#storage.enterWith(context);
  }

  run(work) {
    const context = this.createContext();
    this.#storage.run(context, work, context);
    return context;
  }

  runAndReturn(work) {
    const context = this.createContext();
    return this.#storage.run(context, work, context);
  }

  bind(work, context = this.#storage.getStore() ?? this.createContext()) {
    const storage = this.#storage;
    return function bound(...parameters) {
      return storage.run(context, () => work.apply(this, parameters));
    };
  }

  get(key) {
    return this.#storage.getStore()?.[key];
  }

  set(key, value) {
    const context = this.#storage.getStore();
    if (context === undefined) throw new Error('no context is active');
    context[key] = value;
    return value;
  }
}

const namespaces = new Map();

module.exports = {
  getNamespace: (name) => namespaces.get(name),
  createNamespace(name) {
    namespaces.set(name, new Namespace());
    return namespaces.get(name);
  },
  destroyNamespace: (name) => namespaces.delete(name),
};
