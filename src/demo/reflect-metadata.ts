// The three Reflect functions that tsyringe, inside @peculiar/x509, demands at import time.
// It uses them to remember constructor parameters and nothing else, so a WeakMap per target is
// enough and the full polyfill need not be a dependency. Import this file before @peculiar/x509.
// https://github.com/microsoft/tsyringe#installation

interface MetadataReflect {
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  getMetadata?: (key: unknown, target: object) => unknown;
}

function install(reflect: MetadataReflect): void {
  if (reflect.getMetadata !== undefined) return;
  const entries = new WeakMap<object, Map<unknown, unknown>>();
  reflect.defineMetadata = (key, value, target) => {
    const own = entries.get(target) ?? new Map<unknown, unknown>();
    own.set(key, value);
    entries.set(target, own);
  };
  reflect.getOwnMetadata = (key, target) => entries.get(target)?.get(key);
  reflect.getMetadata = (key, target) => {
    for (
      let at: object | null = target;
      at !== null;
      at = Object.getPrototypeOf(at) as object | null
    ) {
      const own = entries.get(at);
      if (own?.has(key) === true) return own.get(key);
    }
    return undefined;
  };
}

install(Reflect as MetadataReflect);
